//! (stack, scope, allocations, observed) -> plan.
