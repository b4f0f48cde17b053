//! Host ports: (wanted, remembered, taken) -> chosen. Only chooses: whether a port really is free, the engine's own bind
//! decides, and a conflict comes back as one more taken port.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::stack::resolve::HostPorts;
use crate::stack::{HostPort, Part, Port, Protocol, Reference, Service, Source, Stack};

/// A published port of one instance of a service.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PortKey {
    pub service: String,
    /// Name in the stack file.
    pub port: String,
    /// Of the instance, from 1.
    pub index: u32,
}

/// Host ports by who has them.
pub type Allocations = BTreeMap<PortKey, u16>;

/// Host ports that others have. `None`: on every address of the host.
pub type Taken = BTreeSet<(Option<IpAddr>, u16)>;

/// Proposals that are looked at for one port before numbers are tried in order.
const PROPOSALS: usize = 1000;
/// Where numbers are tried in order: above what people choose, below what systems give out by themselves.
const IN_ORDER: std::ops::RangeInclusive<u16> = 20_000..=32_767;
/// A port below 1024 is tried this much higher: 80 as 8080, 443 as 8443.
const ABOVE_PRIVILEGED: u16 = 8000;

/// Chooses the host port of every published port of the stack, by this order: what the stack file fixes (verbatim, even
/// if it is taken: that is the engine's to say), what our own container is `bound` to now, what is `remembered` and free,
/// the container's number if it is free, the first free one of `candidates`.
///
/// Services outside `scope` get one too, because `public` addresses refer to them, but only after those in it.
/// `taken` leaves out what `bound` holds. A port for which nothing is free is missing in the answer.
pub fn allocate(
    stack: &Stack,
    scope: &BTreeSet<String>,
    remembered: &Allocations,
    bound: &Allocations,
    taken: &Taken,
    candidates: &mut dyn Iterator<Item = u16>,
) -> Allocations {
    let mut allocator = Allocator::new(taken);
    let mut waiting = Vec::new();
    for wanted in wanted(stack, scope) {
        match wanted.fixed {
            Some(number) => allocator.give(&wanted, number),
            None => waiting.push(wanted),
        }
    }
    // In rounds over all ports, so that nobody is given what somebody else has had before.
    waiting.retain(|wanted| !allocator.try_own(wanted, bound.get(&wanted.key)));
    let before = |wanted: &Wanted| {
        let number = remembered.get(&wanted.key).copied();
        number.filter(|number| wanted.may_be(*number))
    };
    waiting.retain(|wanted| !allocator.try_free(wanted, before(wanted)));
    waiting.retain(|wanted| !allocator.try_free(wanted, preferred(wanted)));
    for wanted in &waiting {
        let free = match wanted.port.host {
            // Where all of them are taken, the engine says by whom.
            HostPort::Within(first, last) => (first..=last)
                .find(|number| allocator.is_free(wanted, *number))
                .or(Some(first)),
            HostPort::Auto | HostPort::Fixed(_) => candidates
                .take(PROPOSALS)
                .chain(IN_ORDER)
                .find(|number| allocator.is_free(wanted, *number)),
        };
        if let Some(number) = free {
            allocator.give(wanted, number);
        }
    }
    allocator.chosen
}

/// What `${service.port.…}` and views call a service's port: that of its first instance.
pub fn host_ports(allocations: &Allocations) -> HostPorts {
    let first = allocations.iter().filter(|(key, _)| key.index == 1);
    first
        .map(|(key, number)| ((key.service.clone(), key.port.clone()), *number))
        .collect()
}

/// One port that needs a number.
struct Wanted<'a> {
    key: PortKey,
    port: &'a Port,
    fixed: Option<u16>,
}

impl Wanted<'_> {
    /// Whether the stack file leaves this number to it.
    fn may_be(&self, number: u16) -> bool {
        match self.port.host {
            HostPort::Within(first, last) => (first..=last).contains(&number),
            HostPort::Auto | HostPort::Fixed(_) => true,
        }
    }
}

/// Those of the scope first, then by service, instance and port.
fn wanted<'a>(stack: &'a Stack, scope: &BTreeSet<String>) -> Vec<Wanted<'a>> {
    let (within, outside): (Vec<&Service>, Vec<_>) = stack
        .services
        .values()
        .partition(|s| scope.contains(&s.name));
    let mut wanted = Vec::new();
    for service in within.into_iter().chain(outside) {
        let is_process = matches!(service.source, Source::Run(_));
        // What runs on the host itself listens on the number that it is configured with.
        let on_host = service.host_network || is_process;
        // Unless it can be told another one.
        let movable = is_process && refers_to_itself(service);
        for index in 1..=if on_host { 1 } else { service.replicas } {
            for (name, port) in service
                .ports
                .iter()
                .filter(|(_, port)| port.publish || on_host)
            {
                let fixed = match port.host {
                    HostPort::Auto if movable => None,
                    HostPort::Fixed(number) if is_process => Some(number),
                    _ if on_host => Some(port.container),
                    // Only one instance can have it.
                    HostPort::Fixed(number) if index == 1 => Some(number),
                    _ => None,
                };
                let key = PortKey {
                    service: service.name.clone(),
                    port: name.clone(),
                    index,
                };
                wanted.push(Wanted { key, port, fixed });
            }
        }
    }
    wanted
}

/// Whether its environment says on which port it is to listen.
pub(super) fn refers_to_itself(service: &Service) -> bool {
    let own = |part: &Part| match part {
        Part::Reference(Reference::Own { .. }) => true,
        Part::Reference(Reference::Service { service: name, .. }) => *name == service.name,
        _ => false,
    };
    service
        .env
        .values()
        .any(|template| template.parts.iter().any(own))
}

/// The number that people expect.
fn preferred(wanted: &Wanted) -> Option<u16> {
    let base = match wanted.port.host {
        HostPort::Fixed(number) => number,
        HostPort::Auto => wanted.port.container,
        HostPort::Within(first, _) => return Some(first),
    };
    let base = if base < 1024 {
        base + ABOVE_PRIVILEGED
    } else {
        base
    };
    base.checked_add(u16::try_from(wanted.key.index - 1).ok()?)
}

struct Allocator {
    chosen: Allocations,
    ours: BTreeMap<(Protocol, u16), Vec<IpAddr>>,
    others: HashMap<u16, Vec<Option<IpAddr>>>,
}

impl Allocator {
    fn new(taken: &Taken) -> Self {
        let mut others: HashMap<u16, Vec<Option<IpAddr>>> = HashMap::new();
        for (address, number) in taken {
            others.entry(*number).or_default().push(*address);
        }
        Self {
            chosen: Allocations::new(),
            ours: BTreeMap::new(),
            others,
        }
    }

    fn give(&mut self, wanted: &Wanted, number: u16) {
        self.ours
            .entry((wanted.port.protocol, number))
            .or_default()
            .push(wanted.port.bind);
        self.chosen.insert(wanted.key.clone(), number);
    }

    fn is_ours(&self, wanted: &Wanted, number: u16) -> bool {
        let binds = self.ours.get(&(wanted.port.protocol, number));
        binds.is_some_and(|binds| binds.iter().any(|bind| overlap(*bind, wanted.port.bind)))
    }

    fn is_free(&self, wanted: &Wanted, number: u16) -> bool {
        let is_others = |addresses: &Vec<Option<IpAddr>>| {
            addresses
                .iter()
                .any(|address| address.is_none_or(|address| overlap(address, wanted.port.bind)))
        };
        number != 0
            && !self.others.get(&number).is_some_and(is_others)
            && !self.is_ours(wanted, number)
    }

    /// Whether `wanted` now has what its own container holds.
    fn try_own(&mut self, wanted: &Wanted, number: Option<&u16>) -> bool {
        let number = number
            .copied()
            .filter(|number| *number != 0 && !self.is_ours(wanted, *number));
        if let Some(number) = number {
            self.give(wanted, number);
        }
        number.is_some()
    }

    /// Whether `wanted` now has `number`, because nobody else has it.
    fn try_free(&mut self, wanted: &Wanted, number: Option<u16>) -> bool {
        let number = number.filter(|number| self.is_free(wanted, *number));
        if let Some(number) = number {
            self.give(wanted, number);
        }
        number.is_some()
    }
}

/// Whether two addresses of the host stand in each other's way. Every wildcard counts as all addresses, since an IPv6
/// one usually takes IPv4, too.
fn overlap(a: IpAddr, b: IpAddr) -> bool {
    a == b || a.is_unspecified() || b.is_unspecified()
}
