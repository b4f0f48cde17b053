//! Docker Engine through its API.
