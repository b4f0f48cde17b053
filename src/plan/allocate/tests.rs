use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use proptest::prelude::*;

use super::{Allocations, PortKey, Taken, allocate, host_ports, overlap};
use crate::stack::resolve::fixture::{http, service, stack};
use crate::stack::{HostPort, Port, Protocol, Service, Source, Stack};

fn key(service: &str, port: &str, index: u32) -> PortKey {
    PortKey {
        service: service.to_owned(),
        port: port.to_owned(),
        index,
    }
}

fn fixed(container: u16, host: u16) -> Port {
    Port {
        host: HostPort::Fixed(host),
        ..http(container)
    }
}

fn everything(stack: &Stack) -> BTreeSet<String> {
    stack.services.keys().cloned().collect()
}

/// With everything in scope, nothing running and 40000, 40001, … proposed.
fn chosen(stack: &Stack, remembered: &Allocations, taken: &Taken) -> Allocations {
    allocate(
        stack,
        &everything(stack),
        remembered,
        &Allocations::new(),
        taken,
        &mut (40_000..),
    )
}

fn one(container: u16) -> Stack {
    stack([service("api").with_port("http", http(container))])
}

fn first(allocations: &Allocations) -> u16 {
    allocations[&key("api", "http", 1)]
}

#[test]
fn the_containers_number_is_tried_first_then_a_free_one() {
    let none = Allocations::new();
    assert_eq!(first(&chosen(&one(8000), &none, &Taken::new())), 8000);
    let elsewhere = Taken::from([(Some(IpAddr::V4(Ipv4Addr::new(192, 168, 1, 7))), 8000)]);
    assert_eq!(first(&chosen(&one(8000), &none, &elsewhere)), 8000);
    for address in [
        None,
        Some(IpAddr::V4(Ipv4Addr::LOCALHOST)),
        Some(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
    ] {
        let taken = Taken::from([(address, 8000), (None, 40_000)]);
        assert_eq!(
            first(&chosen(&one(8000), &none, &taken)),
            40_001,
            "{address:?}"
        );
    }
}

#[test]
fn a_privileged_number_moves_up() {
    assert_eq!(
        first(&chosen(&one(80), &Allocations::new(), &Taken::new())),
        8080
    );
    assert_eq!(
        first(&chosen(&one(443), &Allocations::new(), &Taken::new())),
        8443
    );
}

#[test]
fn what_was_chosen_once_stays() {
    let remembered = Allocations::from([(key("api", "http", 1), 41_234)]);
    assert_eq!(
        first(&chosen(&one(8000), &remembered, &Taken::new())),
        41_234
    );
    let taken = Taken::from([(None, 41_234)]);
    assert_eq!(first(&chosen(&one(8000), &remembered, &taken)), 8000);
}

#[test]
fn what_our_own_container_holds_is_not_taken() {
    let stack = one(8000);
    let bound = Allocations::from([(key("api", "http", 1), 42_000)]);
    let remembered = Allocations::from([(key("api", "http", 1), 41_234)]);
    let taken = Taken::from([(None, 42_000)]);
    let chosen = allocate(
        &stack,
        &everything(&stack),
        &remembered,
        &bound,
        &taken,
        &mut (40_000..),
    );
    assert_eq!(first(&chosen), 42_000);
}

#[test]
fn a_fixed_port_is_verbatim_and_comes_before_every_other() {
    let stack = stack([
        service("api").with_port("http", http(8000)),
        service("web").with_port("http", fixed(80, 8000)),
    ]);
    let taken = Taken::from([(None, 8000)]);
    let chosen = chosen(&stack, &Allocations::new(), &taken);
    assert_eq!(chosen[&key("web", "http", 1)], 8000);
    assert_eq!(chosen[&key("api", "http", 1)], 40_000);
}

#[test]
fn nobody_gets_what_another_service_had_before() {
    let stack = stack([
        service("a-new-one").with_port("http", http(8000)),
        service("api").with_port("http", http(8000)),
    ]);
    let remembered = Allocations::from([(key("api", "http", 1), 8000)]);
    let chosen = chosen(&stack, &remembered, &Taken::new());
    assert_eq!(chosen[&key("api", "http", 1)], 8000);
    assert_eq!(chosen[&key("a-new-one", "http", 1)], 40_000);
}

#[test]
fn the_scope_chooses_before_the_rest() {
    let stack = stack([
        service("a").with_port("http", http(8000)),
        service("b").with_port("http", http(8000)),
    ]);
    let scope = BTreeSet::from(["b".to_owned()]);
    let none = Allocations::new();
    let chosen = allocate(&stack, &scope, &none, &none, &Taken::new(), &mut (40_000..));
    assert_eq!(chosen[&key("b", "http", 1)], 8000);
    assert_eq!(chosen[&key("a", "http", 1)], 40_000);
}

#[test]
fn every_replica_has_its_own() {
    let api = Service {
        replicas: 3,
        ..service("api").with_port("http", fixed(8000, 18_000))
    };
    let chosen = chosen(&stack([api]), &Allocations::new(), &Taken::new());
    assert_eq!(
        chosen.values().copied().collect::<Vec<_>>(),
        [18_000, 18_001, 18_002]
    );
    assert_eq!(
        host_ports(&chosen).into_values().collect::<Vec<_>>(),
        [18_000]
    );
}

#[test]
fn what_is_not_published_has_none_and_what_runs_on_the_host_keeps_its_own() {
    let hidden = Port {
        publish: false,
        ..http(5432)
    };
    let web = Service {
        source: Source::Run("npm run dev".to_owned()),
        ..service("web").with_port("http", http(3000))
    };
    let stack = stack([
        service("db").with_port("sql", hidden),
        service("api").with_port("http", http(3000)),
        web,
    ]);
    let chosen = chosen(&stack, &Allocations::new(), &Taken::new());
    assert_eq!(chosen.len(), 2);
    assert_eq!(chosen[&key("web", "http", 1)], 3000);
    assert_eq!(chosen[&key("api", "http", 1)], 40_000);
}

#[test]
fn a_process_that_is_told_its_port_moves_and_one_that_is_not_stays() {
    let process = |name: &str| Service {
        source: Source::Run("serve".to_owned()),
        ..service(name).with_port("http", http(3000))
    };
    let told = process("a").with_env("PORT", "${self.http.port}");
    let named = process("b").with_env("ADDRESS", "x:${b.http.port}");
    let stack = stack([told, named, process("c")]);
    let chosen = chosen(&stack, &Allocations::new(), &Taken::new());
    assert_eq!(chosen[&key("a", "http", 1)], 40_000);
    assert_eq!(chosen[&key("b", "http", 1)], 40_001);
    assert_eq!(chosen[&key("c", "http", 1)], 3000);
}

#[test]
fn useless_proposals_end() {
    let taken = Taken::from([(None, 8000), (None, 20_000)]);
    let stack = one(8000);
    let none = Allocations::new();
    let ask = |candidates: &mut dyn Iterator<Item = u16>| {
        first(&allocate(
            &stack,
            &everything(&stack),
            &none,
            &none,
            &taken,
            candidates,
        ))
    };
    assert_eq!(ask(&mut std::iter::repeat(8000)), 20_001);
    assert_eq!(ask(&mut std::iter::repeat(0)), 20_001);
    assert_eq!(ask(&mut std::iter::empty()), 20_001);
}

fn any_port() -> impl Strategy<Value = Port> {
    let bind = prop_oneof![
        Just("127.0.0.1"),
        Just("0.0.0.0"),
        Just("10.0.0.1"),
        Just("::")
    ];
    let protocol = prop_oneof![Just(Protocol::Tcp), Just(Protocol::Udp)];
    (1u16..12, bind, protocol, any::<bool>()).prop_map(|(container, bind, protocol, is_high)| {
        Port {
            container: if is_high { container + 2000 } else { container },
            protocol,
            bind: bind.parse().expect("an address"),
            ..http(1)
        }
    })
}

fn any_stack() -> impl Strategy<Value = Stack> {
    let ports = prop::collection::vec((any_port(), any::<bool>()), 0..4);
    prop::collection::vec((ports, 1u32..3), 1..8).prop_map(|services| {
        let mut next_fixed = 2000;
        stack(
            services
                .into_iter()
                .enumerate()
                .map(|(number, (ports, replicas))| {
                    let mut made = Service {
                        replicas,
                        ..service(&format!("s{number}"))
                    };
                    for (number, (mut port, is_fixed)) in ports.into_iter().enumerate() {
                        if is_fixed {
                            next_fixed += 1;
                            port.host = HostPort::Fixed(next_fixed);
                        }
                        made = made.with_port(&format!("p{number}"), port);
                    }
                    made
                }),
        )
    })
}

fn any_taken() -> impl Strategy<Value = Taken> {
    prop::collection::btree_set((2000u16..2020).prop_map(|number| (None, number)), 0..12)
}

proptest! {
    #[test]
    fn no_two_stand_in_each_others_way(stack in any_stack(), taken in any_taken(), old in prop::collection::vec(2000u16..2020, 0..20)) {
        let keys: Vec<PortKey> = chosen(&stack, &Allocations::new(), &Taken::new()).into_keys().collect();
        let remembered: Allocations = keys.into_iter().zip(old).collect();
        let chosen = chosen(&stack, &remembered, &taken);
        let port = |key: &PortKey| &stack.services[&key.service].ports[&key.port];
        let all: Vec<_> = chosen.iter().collect();
        for (position, (a, number)) in all.iter().enumerate() {
            for (b, other) in &all[position + 1..] {
                let clash = number == other && port(a).protocol == port(b).protocol && overlap(port(a).bind, port(b).bind);
                prop_assert!(!clash, "{a:?} and {b:?} on {number}");
            }
            if let (HostPort::Fixed(wanted), 1) = (port(a).host, a.index) {
                prop_assert_eq!(**number, wanted);
            } else {
                prop_assert!(!taken.contains(&(None, **number)));
            }
        }
        let wanted: usize = stack.services.values().map(|s| s.ports.len() * s.replicas as usize).sum();
        prop_assert_eq!(chosen.len(), wanted);
    }

    #[test]
    fn a_second_look_chooses_the_same(stack in any_stack(), taken in any_taken(), scope in any::<bool>()) {
        let first = chosen(&stack, &Allocations::new(), &taken);
        prop_assert_eq!(&chosen(&stack, &first, &taken), &first);
        prop_assert_eq!(&chosen(&stack, &first, &Taken::new()), &first);
        let scope = if scope { everything(&stack) } else { BTreeSet::new() };
        let bound = allocate(&stack, &scope, &Allocations::new(), &first, &taken, &mut (50_000..));
        prop_assert_eq!(bound, first);
    }
}
