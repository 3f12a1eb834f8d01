package team.web

import rego.v1

import data.lib

deny_a contains "not ours" if not lib.ours(input)

warn_b_c contains msg if msg := concat(",", sort([k | some k, _ in input]))

warn_b_c contains "second body" if input.kind
