//! What `dev export` writes, taken by those that it is written for: helm, kustomize, kubeconform. It is the same in every
//! form. And secrets that the real sops encrypted.

mod agree;
mod chart;
#[path = "../../src/promote/tests/drawn.rs"]
mod drawn;
mod overlays;
mod schemas;
mod sops;
mod stack;
mod stacks;
mod tools;
mod yaml;
