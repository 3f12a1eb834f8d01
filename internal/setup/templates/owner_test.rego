package main_test

import data.main

workload(labels) := {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "labels": labels}}

test_a_workload_without_the_label_is_named if {
	{message.field | some message in main.warn_owner} == {"metadata.labels.team"} with input as workload({"app": "web"})
}

test_the_label_is_enough if count(main.warn_owner) == 0 with input as workload({"team": "shop"})

test_other_kinds_pass if count(main.warn_owner) == 0 with input as {"kind": "Service", "metadata": {"name": "web"}}
