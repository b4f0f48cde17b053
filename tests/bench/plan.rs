//! Times planning by itself, without an engine: `cargo bench --bench plan -- [SERVICES [ROUNDS]]`. Prints one JSON object
//! a line: which part, and milliseconds. Part of `tests/bench/run plan`.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fmt::Write as _;
use std::io::Write as _;
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use dev::plan::Plan;
use dev::plan::allocate::{Allocations, Taken, allocate};
use dev::plan::demands::Demands;
use dev::plan::desired::{Desired, LABEL_DIR, SourceHashes, desire, image_references};
use dev::plan::observed::{
    Home, Observed, ObservedContainer, ObservedImage, ObservedNetwork, ObservedVolume, Status,
};
use dev::plan::reconcile::{RestartOwner, Wanted, reconcile};
use dev::stack::Stack;
use dev::stack::file::{LoadRequest, load};
use dev::stack::resolve::Facts;

fn main() -> Result<(), Box<dyn Error>> {
    // `cargo bench` adds options of its own.
    let mut numbers = std::env::args()
        .skip(1)
        .filter_map(|word| word.parse().ok());
    let services = numbers.next().unwrap_or(1000);
    let rounds = numbers.next().unwrap_or(1);
    let folder = tempfile::tempdir()?;
    let dir = Utf8PathBuf::try_from(folder.path().to_path_buf())?;
    fs_err::write(dir.join("dev.toml"), stack_file(services)?)?;
    let request = LoadRequest {
        start_dir: dir,
        ..LoadRequest::default()
    };
    for _ in 0..rounds {
        round(&request, services)?;
    }
    Ok(())
}

/// A tenth are databases with a volume, a tenth jobs on them; all others have a port and need the one before.
fn stack_file(services: usize) -> Result<String, std::fmt::Error> {
    let mut text = String::from("name = \"thousand\"\n");
    for number in 0..services {
        let database = number / 10 * 10;
        match number % 10 {
            0 => write!(text, "\n[services.s{number}]\npreset = \"postgres:16\"\n")?,
            1 => write!(
                text,
                "\n[services.s{number}]\nimage = \"app:1\"\ncommand = [\"migrate\"]\njob = true\nneeds = [\"s{database}\"]\n\
                 env = {{ DATABASE_URL = \"${{s{database}.url}}\" }}\n",
            )?,
            _ => write!(
                text,
                "\n[services.s{number}]\nimage = \"app:1\"\nports = {{ http = {port} }}\nready = {{ http = \"/health\" }}\n\
                 needs = [\"s{before}\"]\nenv = {{ DATABASE_URL = \"${{s{database}.url}}\", SELF = \"${{self.http.public}}\" }}\n",
                port = 2000 + number,
                before = number - 1,
            )?,
        }
    }
    Ok(text)
}

fn round(request: &LoadRequest, services: usize) -> Result<(), Box<dyn Error>> {
    let (loaded, loading) = timed(|| load(request));
    let stack = loaded.map_err(|_| "the stack file does not load")?.stack;
    let scope: BTreeSet<String> = stack.services.keys().cloned().collect();
    let nothing = Observed {
        images: images(&stack, &scope),
        ..Observed::default()
    };

    let fresh = planned(&stack, &scope, &nothing)?;
    let everything = there(&fresh.desired, &stack, nothing);
    let again = planned(&stack, &scope, &everything)?;
    if fresh.plan.operations.len() < 2 * services {
        return Err("the first plan does not create and start everything".into());
    }
    let starts_jobs_only = again
        .plan
        .operations
        .iter()
        .all(|o| o.subject.service().is_some_and(|s| s.ends_with('1')));
    if !starts_jobs_only {
        return Err(format!(
            "there is something to do where there should not be: {}",
            again.plan
        )
        .into());
    }

    tell("loaded (before planning)", loading)?;
    tell("ports chosen", fresh.allocating)?;
    tell("made concrete", fresh.desiring)?;
    tell("compared, nothing there", fresh.reconciling)?;
    tell("compared, everything there", again.reconciling)?;
    tell(
        "planned in all, nothing there",
        fresh.allocating + fresh.desiring + fresh.reconciling,
    )?;
    tell(
        "planned in all, everything there",
        again.allocating + again.desiring + again.reconciling,
    )?;
    Ok(())
}

struct Planned {
    desired: Desired,
    plan: Plan,
    allocating: Duration,
    desiring: Duration,
    reconciling: Duration,
}

fn planned(
    stack: &Stack,
    scope: &BTreeSet<String>,
    observed: &Observed,
) -> Result<Planned, Box<dyn Error>> {
    let none = Allocations::new();
    let mut candidates = 40_000..60_000;
    let (ports, allocating) =
        timed(|| allocate(stack, scope, &none, &none, &Taken::new(), &mut candidates));
    let facts = Facts::default();
    let (desired, desiring) = timed(|| {
        desire(
            stack,
            scope,
            &ports,
            &facts,
            &SourceHashes::default(),
            &[0; 32],
        )
    });
    let desired = desired.map_err(|errors| format!("{errors:?}"))?;
    let (standing, names, lives) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
    let demands = Demands::default();
    let (plan, reconciling) = timed(|| {
        reconcile(&Wanted {
            stack,
            desired: &desired,
            observed,
            standing: &standing,
            bounce: &lives,
            refusing: &BTreeSet::new(),
            rerun: &names,
            seed: &names,
            demands: &demands,
            left: &BTreeSet::new(),
            held: &BTreeSet::new(),
            held_networks: &BTreeSet::new(),
            restarts: RestartOwner::Dev,
            home: Home {
                dir: stack.dir.as_str(),
                checkout: "bench",
            },
        })
    });
    Ok(Planned {
        desired,
        plan,
        allocating,
        desiring,
        reconciling,
    })
}

fn images(stack: &Stack, scope: &BTreeSet<String>) -> BTreeMap<String, ObservedImage> {
    let image = |reference: &String| ObservedImage {
        id: format!("sha256:{reference}"),
        ..ObservedImage::default()
    };
    let references = image_references(stack, scope);
    references
        .iter()
        .map(|reference| (reference.clone(), image(reference)))
        .collect()
}

/// The world as it is once everything runs.
fn there(desired: &Desired, stack: &Stack, mut observed: Observed) -> Observed {
    for network in &desired.networks {
        let found = ObservedNetwork {
            id: network.name.clone(),
            twins: Vec::new(),
            ours: true,
            dir: Some(stack.dir.to_string()),
            config: None,
        };
        observed.networks.insert(network.name.clone(), found);
    }
    for volume in &desired.volumes {
        let found = ObservedVolume {
            ours: true,
            created: "1".to_owned(),
            dir: Some(stack.dir.to_string()),
            checkout: None,
            config: None,
        };
        observed.volumes.insert(volume.name.clone(), found);
    }
    for spec in &desired.containers {
        let image = desired
            .images
            .get(&spec.service)
            .map_or_else(String::new, |source| source.reference().to_owned());
        observed.containers.push(ObservedContainer {
            id: spec.name.clone(),
            name: spec.name.clone(),
            service: spec.service.clone(),
            index: spec.index,
            config: Some(spec.hash.clone()),
            dir: spec
                .labels
                .iter()
                .find(|(name, _)| name == LABEL_DIR)
                .map(|(_, dir)| dir.clone()),
            checkout: None,
            image_id: format!("sha256:{image}"),
            status: Status::Running,
            started_at: "2020-01-01T00:00:00Z".to_owned(),
            ports: spec
                .ports
                .iter()
                .filter_map(|port| Some((port.container, port.protocol, port.bind, port.host?)))
                .collect(),
            addresses: BTreeMap::new(),
            aliases: BTreeMap::new(),
            finished_at: String::new(),
            restart_policy: "no".to_owned(),
            stop_grace: Some(spec.stop_grace),
            anonymous_volumes: false,
            healthy: None,
            mounted: BTreeMap::new(),
        });
    }
    observed
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    let value = work();
    (value, begun.elapsed())
}

fn tell(part: &str, took: Duration) -> std::io::Result<()> {
    writeln!(
        std::io::stdout(),
        "{{\"part\":\"{part}\",\"millis\":{:.3}}}",
        took.as_secs_f64() * 1000.0
    )
}
