//! What a container has, beside what it should have.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use super::line::Line;
use super::portions::Portions;
use crate::helper::protocol::Expected;
use crate::plan::react::SyncRules;
use crate::stack::{AfterSync, Stack};
use crate::watch::sync::{Bases, Piece, Record, Renewal};

/// Paths that are compared at once.
const PORTION: usize = 1000;

/// What comparing leads to.
#[derive(Debug)]
pub(super) struct Compared {
    pub differs: Vec<Piece>,
    /// All that there should be …
    pub wanted: Renewal,
    /// … and what of before there should be no more.
    pub gone: BTreeSet<Vec<u8>>,
    /// What cannot be read although it is there, in words.
    pub problems: Vec<String>,
}

/// Compares all that the rules of a service cover. Without a `line` everything is taken to differ.
///
/// # Errors
/// The stream is broken.
pub(super) async fn compare(
    (stack, service): (Arc<Stack>, String),
    record: &Record,
    mut line: Option<&mut Line>,
) -> io::Result<Compared> {
    let bases = bases(&stack, &service);
    let mut portions = Portions::begin(stack, service, PORTION);
    let (mut differs, mut wanted) = (Vec::new(), record.renew());
    while let Some(portion) = portions.next().await {
        for (piece, expected) in &portion {
            wanted.add(piece, *expected);
        }
        differs.extend(differing(portion, record, line.as_deref_mut()).await?);
    }
    let problems = portions.problems().await?;
    let gone = record.gone(&bases, |target| wanted.has(target));
    let targets = gone.iter().map(|piece| piece.target.clone()).collect();
    let gone = gone.into_iter().map(|piece| (piece, Expected::Absent));
    differs.extend(differing(gone.collect(), record, line).await?);
    Ok(Compared {
        differs,
        wanted,
        gone: targets,
        problems,
    })
}

/// What people named in the sync rules of a service.
pub(super) fn bases(stack: &Stack, service: &str) -> Bases {
    let service = stack.services.get(service);
    service.map_or_else(Bases::default, |service| {
        Bases::of(&SyncRules::new(stack, service))
    })
}

async fn differing(
    portion: Vec<(Piece, Expected)>,
    record: &Record,
    line: Option<&mut Line>,
) -> io::Result<Vec<Piece>> {
    let mut differs = vec![line.is_none(); portion.len()];
    if let Some(line) = line
        && !portion.is_empty()
    {
        for place in line.compare(&portion).await? {
            if let Some(differs) = differs.get_mut(place) {
                *differs = true;
            }
        }
    }
    let marked = portion.into_iter().zip(differs);
    let differing = marked.filter_map(|(found, differs)| differs.then_some(found));
    let pieces = differing.map(|(mut piece, expected)| {
        if !record.is_news(&piece, expected) {
            // It was sent before, and the container has changed it since: that is put right without a word.
            piece.then = AfterSync::Nothing;
        }
        piece
    });
    Ok(pieces.collect())
}
