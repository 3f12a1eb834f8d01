package lib

import rego.v1

ours(object) if object.metadata.labels.team == "web"
