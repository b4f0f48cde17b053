//! The `restricted` Pod Security Standard, as far as an image allows it.
//! <https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted>

use k8s_openapi::api::core::v1::{
    Capabilities, PodSecurityContext, SeccompProfile, SecurityContext,
};

use super::facts::ImageUser;
use super::work::Work;
use crate::stack::{Service, Source};

/// As whom the pods of a service run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum User {
    Number {
        user: u32,
        group: Option<u32>,
    },
    /// Why nobody else can be said.
    Unsaid(String),
}

pub fn user(work: &Work<'_>, service: &Service) -> User {
    let own = service.user.as_deref();
    if let Some(text) = own {
        let (user, group) = text.split_once(':').unwrap_or((text, ""));
        return match user.parse() {
            Ok(0) => User::Unsaid("the stack file runs it as root".to_owned()),
            Ok(number) => User::Number {
                user: number,
                group: group.parse().ok(),
            },
            Err(_) => User::Unsaid(format!(
                "a cluster knows no user `{user}`: write its number"
            )),
        };
    }
    let image = work
        .facts
        .images
        .get(&service.name)
        .map(|image| &image.user);
    match (service.kubernetes.uid, image) {
        (_, Some(ImageUser::Number(user))) => number(*user),
        (Some(user), _) if is_presets(service) => number(user),
        (_, Some(ImageUser::Named(name))) => User::Unsaid(format!(
            "its image runs as `{name}`, and a cluster wants a number: `user = \"…\"`"
        )),
        (_, Some(ImageUser::Root)) => {
            User::Unsaid("its image runs as root: where it need not, say `user = \"…\"`".to_owned())
        }
        _ => User::Unsaid("nobody knows as whom its image runs: say `user = \"…\"`".to_owned()),
    }
}

fn number(user: u32) -> User {
    User::Number { user, group: None }
}

/// Of a container that only asks: any image lets it.
pub fn nobody() -> User {
    number(65534)
}

/// What a preset knows of its image holds for those that stand in for it, too: only a build is something else.
fn is_presets(service: &Service) -> bool {
    matches!(service.source, Source::Image(_))
}

/// `root` too may not become more than it is.
pub fn container_security(user: &User) -> SecurityContext {
    let strict = matches!(user, User::Number { .. });
    SecurityContext {
        allow_privilege_escalation: Some(false),
        capabilities: strict.then(|| Capabilities {
            add: None,
            drop: Some(vec!["ALL".to_owned()]),
        }),
        run_as_user: match user {
            User::Number { user, .. } => Some(i64::from(*user)),
            User::Unsaid(_) => None,
        },
        // Not of the pod: containerd before 1.7 makes no sandbox for a group without a user.
        run_as_group: match user {
            User::Number { group, .. } => group.map(i64::from),
            User::Unsaid(_) => None,
        },
        run_as_non_root: strict.then_some(true),
        ..SecurityContext::default()
    }
}

/// `fs_group` where volumes have to be written to.
pub fn pod_security(user: &User, writes: bool) -> PodSecurityContext {
    let seccomp_profile = Some(SeccompProfile {
        type_: "RuntimeDefault".to_owned(),
        localhost_profile: None,
    });
    match user {
        User::Number { user, group } => PodSecurityContext {
            seccomp_profile,
            run_as_non_root: Some(true),
            fs_group: writes.then(|| i64::from(group.unwrap_or(*user))),
            ..PodSecurityContext::default()
        },
        User::Unsaid(_) => PodSecurityContext {
            seccomp_profile,
            ..PodSecurityContext::default()
        },
    }
}
