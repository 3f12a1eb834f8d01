package main_test

import data.main

deployment(replicas) := {"kind": "Deployment", "metadata": {"name": "web"}, "spec": {"replicas": replicas}}

test_one_is_denied if {
	{message.field | some message in main.deny_replicas} == {"spec.replicas"} with input as deployment(1)
}

test_two_pass if count(main.deny_replicas) == 0 with input as deployment(2)

test_an_autoscaler_decides if count(main.deny_replicas) == 0 with input as {"kind": "Deployment", "spec": {}}
