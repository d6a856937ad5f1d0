package soma.policy_test

import rego.v1

import data.soma.policy

member := {"aud": ["gateway", "account"], "realm_access": {"roles": ["conversation"]}}

message := {"method": "POST", "path": ["v1", "session", "message"]}

test_nothing_is_allowed_by_default if {
	not policy.allow with input as {}
}

test_looks_need_no_token if {
	every path in policy.open_paths {
		policy.allow with input as {"method": "GET", "path": path}
	}
}

test_a_look_may_not_write if {
	not policy.allow with input as {"method": "POST", "path": ["health"]}
}

test_a_message_needs_the_role if {
	policy.allow with input as object.union(message, {"claims": member})
	not policy.allow with input as message
	not policy.allow with input as object.union(message, {"claims": {"aud": "gateway", "realm_access": {"roles": ["operator"]}}})
	not policy.allow with input as object.union(message, {"claims": {"aud": "gateway"}})
}

test_a_token_for_another_is_none_for_us if {
	not policy.allow with input as object.union(message, {"claims": object.union(member, {"aud": ["account"]})})
	policy.allow with input as object.union(message, {"claims": object.union(member, {"aud": "gateway"})})
}

test_events_of_one_session if {
	policy.allow with input as {"method": "GET", "path": ["v1", "session", "s1", "events"], "claims": member}
	not policy.allow with input as {"method": "GET", "path": ["v1", "session", "s1", "events"]}
	not policy.allow with input as {"method": "GET", "path": ["v1", "session", "", "events"], "claims": member}
	not policy.allow with input as {"method": "DELETE", "path": ["v1", "session", "s1", "events"], "claims": member}
	not policy.allow with input as {"method": "GET", "path": ["v1", "sessions"], "claims": member}
}
