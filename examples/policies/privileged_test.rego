package kubernetes.admission

review(context) = request {
  request := {"request": {
    "kind": {"group": "", "version": "v1", "kind": "Pod"},
    "object": {"metadata": {"name": "web"}, "spec": {"containers": [{"name": "app", "securityContext": context}]}},
  }}
}

test_privileged_is_denied {
  deny == {"Privileged containers are not allowed: Pod web"} with input as review({"privileged": true})
}

test_others_pass {
  count(deny) == 0 with input as review({"privileged": false})
  count(deny) == 0 with input as review({})
}
