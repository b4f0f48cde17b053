//! Presets on the host: the same service, its server a process.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use super::definition::{Definition, ProcessData};
use super::{catalog, text};
use crate::stack::{Mount, Part, Runtime, Service, Source, Stack, Template};

/// What is installed, and as whom it runs.
pub trait Host {
    /// A `PATH` on which all of these programs are (of those with `|` between, one); `folders` come beside the usual
    /// ones, those of `version` first.
    fn path(
        &self,
        programs: &[String],
        folders: &[String],
        version: Option<&str>,
    ) -> Option<String>;
    /// As root: user and group that servers run as.
    fn servant(&self) -> Option<(u32, u32)>;
}

/// The stack with every container as a process that can be one; [`Stack::off_host`] has the others. `state` is its state
/// folder.
pub fn on_host(stack: &Stack, host: &dyn Host, state: &Utf8Path) -> Stack {
    let mut moved = Stack {
        runtime: Runtime::Process,
        off_host: BTreeMap::new(),
        ..stack.clone()
    };
    for (name, service) in &stack.services {
        match moved_service(stack, service, host, state) {
            Ok(service) => drop(moved.services.insert(name.clone(), service)),
            Err(why) => drop(moved.off_host.insert(name.clone(), why)),
        }
    }
    moved
}

/// `not all of this stack can run on the host: api: it is built as an image; queue: …`
pub fn off_host_text(off_host: &BTreeMap<String, String>) -> String {
    let one = |(name, why): (&String, &String)| format!("{name}: {why}");
    let list: Vec<String> = off_host.iter().map(one).collect();
    let list = list.join("; ");
    format!("not all of this stack can run on the host: {list}")
}

fn moved_service(
    stack: &Stack,
    service: &Service,
    host: &dyn Host,
    state: &Utf8Path,
) -> Result<Service, String> {
    let preset = match (&service.source, service.preset.as_deref()) {
        (Source::Run(_), _) => return Ok(service.clone()),
        (_, Some(preset)) => preset,
        (Source::Build(_), None) => return Err("it is built as an image".to_owned()),
        (Source::Image(image), None) => return Err(format!("it is the image {image}")),
    };
    let (name, version) = match preset.split_once(':') {
        Some((name, version)) => (name, Some(version)),
        None => (preset, None),
    };
    let data = process_data(name)
        .ok_or_else(|| format!("the preset `{name}` knows no server on the host"))?;
    let path = host
        .path(&data.programs, &data.folders, version)
        .ok_or_else(|| {
            let programs = data.programs.join("`, `").replace('|', "` or `");
            format!("it needs `{programs}`, which is not installed")
        })?;
    if service.entrypoint.is_some() {
        return Err("its `entrypoint` is one of an image".to_owned());
    }
    if service.replicas != 1 {
        return Err(format!("it has {} replicas", service.replicas));
    }
    let folder = data_folder(stack, service, state)?;
    let mut env = service.env.clone();
    let own = data.env.iter();
    env.extend(own.map(|(name, value)| (name.clone(), text::template(value))));
    if let Some(port) = &service.main_port {
        let port = text::template(&format!("${{self.{port}.port}}"));
        env.insert("DEV_PORT".to_owned(), port);
    }
    env.insert("DEV_DATA".to_owned(), Template::text(folder.as_str()));
    env.insert("PATH".to_owned(), Template::text(path));
    Ok(Service {
        source: Source::Run(command(service, &data, host.servant())?),
        command: None,
        user: None,
        networks: Vec::new(),
        host_network: false,
        host_pid: false,
        workdir: None,
        env,
        ..service.clone()
    })
}

/// The programs of a preset's server, each one of several with `|` between, and the version that the file asks for.
pub fn asked(preset: &str) -> Option<(String, &str)> {
    let (name, version) = preset.split_once(':')?;
    let server = process_data(name)?.programs.into_iter().next()?;
    Some((server, version))
}

/// Whether a version is what was asked for: `15.8` is for `15`, `15-alpine` and `15.8`.
pub fn is_version(installed: &str, asked: &str) -> bool {
    let number = |text: &str| {
        text.split(|c: char| !c.is_ascii_digit())
            .next()
            .map(str::to_owned)
    };
    let parts = |text: &str| -> Vec<String> {
        let text = text.split('-').next().unwrap_or_default();
        text.split('.')
            .map_while(number)
            .take_while(|part| !part.is_empty())
            .collect()
    };
    parts(installed).starts_with(&parts(asked))
}

fn process_data(name: &str) -> Option<ProcessData> {
    Definition::plain(catalog::table(name)?).ok()?.process
}

/// Its volume's folder; without a volume, one that each start empties.
fn data_folder(stack: &Stack, service: &Service, state: &Utf8Path) -> Result<Utf8PathBuf, String> {
    let mut volumes = Vec::new();
    for mount in &service.mounts {
        match mount {
            Mount::Volume { key, .. } => {
                let volume = stack.volumes.get(key);
                if volume.is_some_and(|volume| volume.external.is_some()) {
                    return Err(format!("its volume `{key}` was made elsewhere"));
                }
                volumes.push(stack.volume_name(key));
            }
            Mount::Bind { source, .. } => return Err(format!("it mounts {source}")),
            Mount::Image { reference, .. } => {
                return Err(format!("it mounts the image {reference}"));
            }
            Mount::Tmpfs { .. } | Mount::Anonymous { .. } => {}
        }
    }
    match volumes.as_slice() {
        [] => Ok(state.join("scratch").join(&service.name)),
        [name] => Ok(state.join("volumes").join(name).join("data")),
        _ => Err("it has several volumes".to_owned()),
    }
}

/// What `sh` runs: as root only the step down.
fn command(
    service: &Service,
    data: &ProcessData,
    servant: Option<(u32, u32)>,
) -> Result<String, String> {
    let words = service.command.as_deref().unwrap_or_default();
    let mut arguments = String::new();
    for word in words.iter().skip(1) {
        arguments.push(' ');
        arguments.push_str(&quoted(&plain(word)?));
    }
    let mut is_volume = service.mounts.iter();
    let mut script = String::from("set -eu\ncd /\n");
    if !is_volume.any(|mount| matches!(mount, Mount::Volume { .. })) {
        script.push_str("rm -rf \"$DEV_DATA\"\nmkdir -p \"$DEV_DATA\"\n");
    }
    let shell = match servant {
        Some((user, group)) => {
            let step = format!("setpriv --reuid={user} --regid={group} --clear-groups");
            let hint = "let others pass through the folders above it (chmod o+x), or run dev as another user than root";
            script.push_str(&format!(
                "chown {user}:{group} \"$DEV_DATA\"\n\
                 {step} test -w \"$DEV_DATA\" || {{ echo \"user {user} cannot reach $DEV_DATA: {hint}\" >&2; exit 1; }}\n"
            ));
            format!("exec {step} sh")
        }
        None => "exec sh".to_owned(),
    };
    let run = quoted(&format!("set -eu\n{}", data.run.trim()));
    script.push_str(&format!("{shell} -c {run} server{arguments}\n"));
    Ok(script)
}

fn plain(template: &Template) -> Result<String, String> {
    let mut plain = String::new();
    for part in &template.parts {
        match part {
            Part::Text(text) => plain.push_str(text),
            Part::Reference(_) => return Err("its `command` has references".to_owned()),
        }
    }
    Ok(plain)
}

fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests;
