# What the gateway asks before it serves a request. Nothing is allowed that no rule allows.
#
# input.method   GET, POST, …
# input.path     the path as its segments: ["v1", "session", "message"]
# input.claims   of the token, whose signature and expiry the gateway has checked; absent without one
package soma.policy

import rego.v1

default allow := false

# looks at the process itself: whoever watches it has no token
open_paths := {["health"], ["v1", "health"], ["ready"], ["live"], ["metrics"]}

allow if {
	input.method in {"GET", "HEAD"}
	input.path in open_paths
}

allow if {
	input.method == "POST"
	input.path == ["v1", "session", "message"]
	has_role("conversation")
}

allow if {
	input.method == "GET"
	count(input.path) == 4
	array.slice(input.path, 0, 2) == ["v1", "session"]
	input.path[2] != ""
	input.path[3] == "events"
	has_role("conversation")
}

has_role(role) if {
	is_for_gateway
	role in input.claims.realm_access.roles
}

is_for_gateway if input.claims.aud == "gateway"

is_for_gateway if "gateway" in input.claims.aud
