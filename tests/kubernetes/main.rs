//! `dev promote` on a real API server with a real kubelet.
//!
//! `tests/run cluster` brings one and runs them there; DEV_TEST_CONTEXT names the context of one that is there already. By hand:
//!
//!     eval "$(tests/cluster/cluster start)"; export KUBECONFIG CONTAINERD_ADDRESS KUBECTL
//!     tests/cluster/cluster images busybox postgres redis python
//!     cargo test --test kubernetes
//!
//! The cluster's network enforces no NetworkPolicy: their shape is tested with the objects (src/promote).

mod away;
mod examples;
mod export;
mod exported;
mod faults;
mod promotion;
mod support;
mod there;
mod turn;
