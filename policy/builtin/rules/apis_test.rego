package seal.api_test

import data.seal.api

cron_job := {"apiVersion": "batch/v1beta1", "kind": "CronJob"}

test_api_removed_denied if {
	every version in ["1.25", "v1.33.2", "1.25.0+k3s1", "", "unknown"] {
		count(api.deny_removed) == 1 with input as cron_job with data.request as {"kubeVersion": version}
	}
}

test_api_removed_denied_where_the_version_is_not_known if count(api.deny_removed) == 1 with input as cron_job

test_api_removed_passes if count(api.deny_removed) == 0 with input as cron_job with data.request as {"kubeVersion": "1.24.9"}

test_api_deprecated_denied if count(api.warn_deprecated) == 1 with input as cron_job with data.request as {"kubeVersion": "1.24.9"}

test_api_deprecated_passes if count(api.warn_deprecated) == 0 with input as {"apiVersion": "batch/v1", "kind": "CronJob"} with data.request as {"kubeVersion": "1.24"}
