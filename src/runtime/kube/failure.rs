//! What an API server's answer, or its silence, means.

use ::kube::Error;
use ::kube::core::Status;

use crate::engine::event::FailureClass;
use crate::runtime::RuntimeError;

pub(super) fn failure(context: &str, what: &str, error: &Error) -> RuntimeError {
    match error {
        Error::Api(status) => refused(context, what, status),
        Error::Auth(error) => RuntimeError::new(
            FailureClass::NoEngine,
            format!("the credentials of context `{context}` cannot be had: {error}"),
        )
        .help("log in again, or name another context: `--context NAME`"),
        Error::UpgradeConnection(error) => RuntimeError::new(
            FailureClass::Other,
            format!("{what}: the API server of context `{context}` refuses it: {error}"),
        )
        .help("have the rights given to this user, or name another context or namespace"),
        Error::SerdeError(error) => RuntimeError::new(
            FailureClass::Engine,
            format!(
                "{what}: the API server of context `{context}` answered something else: {error}"
            ),
        ),
        other => RuntimeError::new(
            FailureClass::Engine,
            format!(
                "{what}: the API server of context `{context}` does not answer: {}",
                innermost(other)
            ),
        )
        .help("start the cluster, or name another context: `--context NAME`"),
    }
}

/// The last of the causes says what happened; those around it say who heard of it.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

fn refused(context: &str, what: &str, status: &Status) -> RuntimeError {
    let message = &status.message;
    match status.code {
        401 => RuntimeError::new(
            FailureClass::NoEngine,
            format!("the API server of context `{context}` does not know these credentials"),
        )
        .help("they are wrong or have expired: log in again, or name another context: `--context NAME`"),
        403 if message.contains("exceeded quota") => RuntimeError::new(
            FailureClass::Other,
            format!("{what}: the namespace's quota refuses it: {message}"),
        )
        .help("ask for less (`kubernetes = { resources = … }`), or have the quota raised"),
        403 => RuntimeError::new(FailureClass::Other, format!("{what}: {message}"))
            .help("have the rights given to this user, or name another context or namespace"),
        409 => conflict(what, status),
        _ if message.contains("admission webhook") => {
            RuntimeError::new(FailureClass::Other, format!("{what}: {message}"))
                .help("a rule of the cluster refuses it: its message says what it wants")
        }
        422 if message.contains("updates to statefulset spec") => {
            RuntimeError::new(FailureClass::Other, format!("{what}: the size or place of its data is fixed once it is there"))
                .detail(vec![message.clone()])
                .help("its data stays where it is: grow the claim itself (`kubectl edit pvc`), take the StatefulSet alone away \
                     (`kubectl delete statefulset NAME --cascade=orphan`), and promote again")
        }
        // It is overloaded, or has just been started.
        429 | 500.. => RuntimeError::new(FailureClass::Engine, format!("{what}: {message}")),
        _ => RuntimeError::new(FailureClass::Other, format!("{what}: {message}")),
    }
}

/// Who else has set a field: `conflict with "kubectl" using apps/v1: .spec.replicas`.
fn conflict(what: &str, status: &Status) -> RuntimeError {
    let causes = status.details.as_ref().map(|details| &details.causes);
    let detail = causes.into_iter().flatten();
    let detail = detail.map(|cause| format!("{}: {}", cause.field, cause.message));
    RuntimeError::new(
        FailureClass::NameTaken,
        format!("{what}: somebody else manages part of it"),
    )
    .detail(detail.collect())
    .help("take the field out of what the other one applies, or leave it out here")
}

/// Whether the same call may be answered later.
pub(super) fn is_passing(error: &RuntimeError) -> bool {
    error.0.class == FailureClass::Engine
}
