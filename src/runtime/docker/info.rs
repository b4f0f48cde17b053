use std::net::{IpAddr, UdpSocket};
use std::os::unix::fs::MetadataExt;

use camino::Utf8PathBuf;

use super::address::Address;
use super::call::{QUICK, call};
use super::{ApiVersion, Docker};
use crate::runtime::RuntimeError;

/// What is worth knowing about an engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// `20.10.24`
    pub engine_version: String,
    pub api_version: ApiVersion,
    /// `Debian GNU/Linux 12 (bookworm)`, `Docker Desktop`
    pub operating_system: String,
    /// `x86_64`
    pub architecture: String,
    pub rootless: bool,
    pub podman: bool,
    /// Where the engine keeps images and volumes, on the machine that it runs on.
    pub data_root: Option<Utf8PathBuf>,
    /// The addresses of containers on bridge networks can be reached from this process.
    pub routable: bool,
}

impl Docker {
    /// Asks the engine about itself.
    ///
    /// # Errors
    /// `Engine` when it does not answer.
    pub async fn info(&self) -> Result<Info, RuntimeError> {
        let system = call("ask the engine about itself", QUICK, self.client().info()).await?;
        let operating_system = system.operating_system.unwrap_or_default();
        let rootless = system
            .security_options
            .unwrap_or_default()
            .iter()
            .any(|option| option.contains("name=rootless"));
        let elsewhere = rootless || operating_system.contains("Docker Desktop");
        Ok(Info {
            engine_version: system.server_version.unwrap_or_default(),
            api_version: self.version(),
            architecture: system.architecture.unwrap_or_default(),
            rootless,
            podman: self.is_podman(),
            data_root: system.docker_root_dir.map(Utf8PathBuf::from),
            routable: !elsewhere && self.is_here() && self.bridge_is_here().await,
            operating_system,
        })
    }

    /// Whether the addresses of containers on bridge networks can be reached from this process; as [`Info::routable`], but
    /// most engines need not be asked about themselves for it: while one answers that, which takes it several programs, it
    /// keeps everybody else waiting.
    ///
    /// # Errors
    /// `Engine` when it does not answer.
    pub async fn routable(&self) -> Result<bool, RuntimeError> {
        if !self.is_here() {
            return Ok(false);
        }
        if !self.is_of_root() {
            return Ok(self.info().await?.routable);
        }
        Ok(self.bridge_is_here().await)
    }

    /// A rootless engine's socket, and Docker Desktop's on Linux, belong to a person.
    fn is_of_root(&self) -> bool {
        let Address::Unix(path) = self.address() else {
            return false;
        };
        fs_err::metadata(path).is_ok_and(|socket| socket.uid() == 0)
    }

    fn is_here(&self) -> bool {
        cfg!(target_os = "linux") && matches!(self.address(), Address::Unix(_))
    }

    /// Whether the bridge's own address belongs to this machine. A local socket alone does not say so: it may lead
    /// out of a devcontainer or a virtual machine. Only a local address can be bound.
    async fn bridge_is_here(&self) -> bool {
        let bridge = self.client().inspect_network("bridge", None);
        let Ok(bridge) = call("look at the default bridge", QUICK, bridge).await else {
            // Without the default bridge there is nothing to compare with.
            return true;
        };
        let gateways = bridge.ipam.and_then(|ipam| ipam.config).unwrap_or_default();
        gateways
            .iter()
            .filter_map(|config| match &config.gateway {
                Some(gateway) => gateway.parse::<IpAddr>().ok(),
                None => first_address(config.subnet.as_deref()?),
            })
            .any(|gateway| UdpSocket::bind((gateway, 0)).is_ok())
    }
}

/// The bridge's address in `172.17.0.0/16`, where the engine does not say it: the first one.
fn first_address(subnet: &str) -> Option<IpAddr> {
    let network: std::net::Ipv4Addr = subnet.split_once('/')?.0.parse().ok()?;
    Some(std::net::Ipv4Addr::from(u32::from(network).checked_add(1)?).into())
}
