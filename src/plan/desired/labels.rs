//! Labels that things of ours carry on the engine.

/// Label of an image: `dev` built it. Always the same: a label that told what it was built from would make another image of
/// one whose layers came out the same.
pub const LABEL_BUILD: &str = "dev.build";
/// Label of a container: [`super::ContainerSpec::hash`].
pub const LABEL_CONFIG: &str = "dev.config";
/// Label of everything of ours: the absolute path of the checkout it belongs to.
pub const LABEL_DIR: &str = "dev.dir";
/// Label of everything of ours: names the checkout wherever it is mounted, so that host and devcontainer see one stack.
pub const LABEL_CHECKOUT: &str = "dev.checkout";
/// Label of what `dev ci` made: the process that takes it down again, see `runtime::process::owner`.
pub const LABEL_OWNER: &str = "dev.owner";
/// Label of a container that runs to its end before one of its service starts: the number of that one.
pub const LABEL_BEFORE: &str = "dev.before";
/// Label of a volume: a random text given at creation, so that a new one under an old name is seen as new.
pub const LABEL_CREATED: &str = "dev.created";
/// Compose's labels, so that other tools group what belongs together.
pub const LABEL_PROJECT: &str = "com.docker.compose.project";
pub const LABEL_SERVICE: &str = "com.docker.compose.service";
pub const LABEL_NUMBER: &str = "com.docker.compose.container-number";
pub const LABEL_ONEOFF: &str = "com.docker.compose.oneoff";
pub const LABEL_NETWORK: &str = "com.docker.compose.network";
pub const LABEL_VOLUME: &str = "com.docker.compose.volume";
pub const LABEL_WORKING_DIR: &str = "com.docker.compose.project.working_dir";
pub const LABEL_CONFIG_FILES: &str = "com.docker.compose.project.config_files";
/// Compose's hash of a container's configuration: without one, compose does not see the container.
pub const LABEL_CONFIG_HASH: &str = "com.docker.compose.config-hash";
/// The id of the image that a container was made from.
pub const LABEL_IMAGE: &str = "com.docker.compose.image";
/// What a service needs: `db:service_healthy:false`, with commas between.
pub const LABEL_DEPENDS_ON: &str = "com.docker.compose.depends_on";
/// The version of what made it.
pub const LABEL_VERSION: &str = "com.docker.compose.version";
