//! Two canonical trees into one, the upper over the lower, by the rule of each attribute.
//!
//! <https://github.com/compose-spec/compose-spec/blob/main/13-merge.md>

use super::form::{Attribute, Form, List, Table, Unique};
use super::node::{Entry, Map, Mark, Node, Value};

/// Lays `over` on `base`.
pub(super) fn merge(base: &mut Node, over: Node, form: &'static Form) {
    let replaces = over.mark == Mark::Override
        || base.is_null()
        || matches!(form, Form::Command | Form::HealthTest | Form::Ulimit);
    if replaces {
        *base = over;
        return;
    }
    if over.is_null() {
        return;
    }
    match form {
        Form::Table(what) => table(base, over, what),
        Form::Named(named) => maps(base, over, |_| &named.item),
        Form::Dict(_) => dict(base, over),
        Form::Options | Form::MultiOptions | Form::Ssh => maps(base, over, |_| &Form::Text),
        Form::Hosts => hosts(base, over),
        Form::List(what) => list(base, over, what),
        Form::Any => anything(base, over),
        _ => *base = over,
    }
}

fn table(base: &mut Node, over: Node, table: &'static Table) {
    let other_driver = || {
        let (below, above) = (base.text_at("driver")?, over.text_at("driver")?);
        (below != above).then_some(())
    };
    // Options of one log driver mean nothing to another.
    if table.name == "`logging`" && other_driver().is_some() {
        *base = over;
        return;
    }
    if table.name == "`ipam`" {
        pools(base, &over);
    }
    maps(base, over, |key| {
        table
            .attribute(key)
            .map_or(&Form::Any, |Attribute { form, .. }| form)
    });
}

/// Of the lower pools only those stay that the upper file has, too.
fn pools(base: &mut Node, over: &Node) {
    let (Some(above), Some(below)) = (over.get("config"), base.get_mut("config")) else {
        return;
    };
    let subnets: Vec<_> = above
        .items()
        .iter()
        .map(|pool| pool.text_at("subnet"))
        .collect();
    if let Value::List(items) = &mut below.value {
        items.retain(|pool| subnets.contains(&pool.text_at("subnet")));
    }
}

fn maps(base: &mut Node, over: Node, form: impl Fn(&str) -> &'static Form) {
    let (Value::Map(below), Value::Map(above)) = (&mut base.value, over.value) else {
        return;
    };
    for (key, entry) in above {
        match (entry.node.mark, below.get_mut(&key)) {
            (Mark::Reset, _) => {
                below.remove(&key);
            }
            (_, Some(lower)) => merge(&mut lower.node, entry.node, form(&key)),
            (_, None) => {
                below.insert(key, entry);
            }
        }
    }
}

/// A variable without a value takes the place of one with a value.
fn dict(base: &mut Node, over: Node) {
    let (Value::Map(below), Value::Map(above)) = (&mut base.value, over.value) else {
        return;
    };
    for (key, entry) in above {
        match entry.node.mark {
            Mark::Reset => below.remove(&key),
            _ => below.insert(key, entry),
        };
    }
}

fn hosts(base: &mut Node, over: Node) {
    let (Value::List(below), Value::List(above)) = (&mut base.value, over.value) else {
        return;
    };
    for line in above {
        if !below.iter().any(|known| known.value == line.value) {
            below.push(line);
        }
    }
}

fn list(base: &mut Node, over: Node, list: &'static List) {
    let (Value::List(below), Value::List(above)) = (&mut base.value, over.value) else {
        return;
    };
    let is_pool = |node: &Node| node.get("subnet").is_some();
    for item in above {
        let same = below
            .iter_mut()
            .find(|known| is_pool(known) && known.text_at("subnet") == item.text_at("subnet"));
        match same {
            Some(pool) => merge(pool, item, &list.item),
            None => below.push(item),
        }
    }
    unique(base, list);
}

/// Of items that are the same, the last stands in the place of the first.
pub(super) fn unique(node: &mut Node, list: &'static List) {
    let Value::List(items) = &mut node.value else {
        return;
    };
    let mut places = std::collections::HashMap::new();
    let mut kept: Vec<Node> = Vec::with_capacity(items.len());
    for item in std::mem::take(items) {
        let Some(key) = key(&item, list.unique) else {
            kept.push(item);
            continue;
        };
        match places.get(&key) {
            Some(at) => {
                let at: usize = *at;
                kept[at] = item;
            }
            None => {
                places.insert(key, kept.len());
                kept.push(item);
            }
        }
    }
    *items = kept;
}

/// By what an item is the same as another; `None`: by nothing.
fn key(item: &Node, unique: Unique) -> Option<String> {
    let text = |key: &str| item.text_at(key).map(ToOwned::to_owned);
    match unique {
        Unique::Not | Unique::Strict => None,
        Unique::Name => {
            let text = item.as_text()?;
            Some(text.split('=').next().unwrap_or(text).to_owned())
        }
        Unique::Whole => item.as_text().map(ToOwned::to_owned),
        Unique::Target(prefix) => {
            let source = || Some(format!("{prefix}{}", item.text_at("source")?));
            text("target").or_else(|| if prefix.is_empty() { None } else { source() })
        }
        Unique::Path => text("path"),
        Unique::Port => {
            let Some(Value::Int(target)) = item.get("target").map(|node| &node.value) else {
                return None;
            };
            let ip = text("host_ip").unwrap_or_else(|| "0.0.0.0".to_owned());
            let protocol = text("protocol").unwrap_or_else(|| "tcp".to_owned());
            let published = text("published");
            Some(format!("{ip}:{published:?}:{target}/{protocol}"))
        }
    }
}

fn anything(base: &mut Node, over: Node) {
    match (&mut base.value, over.value) {
        (Value::Map(_), Value::Map(above)) => {
            let over = Node::new(Value::Map(above), over.span);
            maps(base, over, |_| &Form::Any);
        }
        (Value::List(below), Value::List(above)) => below.extend(above),
        (_, value) => {
            base.value = value;
            base.span = over.span;
        }
    }
}

/// Within one file: items of a list that are the same.
pub(super) fn unify(node: &mut Node, form: &'static Form) {
    match form {
        Form::List(list) => {
            unique(node, list);
            for item in node.items_mut() {
                unify(item, &list.item);
            }
        }
        Form::Table(table) => {
            for (key, entry) in node.as_map_mut().into_iter().flatten() {
                if let Some(attribute) = table.attribute(key) {
                    unify(&mut entry.node, &attribute.form);
                }
            }
        }
        Form::Named(named) => {
            for Entry { node, .. } in node.as_map_mut().into_iter().flat_map(Map::values_mut) {
                unify(node, &named.item);
            }
        }
        _ => {}
    }
}

/// Without what was only there to take something away.
pub(super) fn without_resets(node: &mut Node) {
    match &mut node.value {
        Value::Map(map) => {
            map.retain(|_, entry| entry.node.mark != Mark::Reset);
            for entry in map.values_mut() {
                without_resets(&mut entry.node);
            }
        }
        Value::List(items) => items.iter_mut().for_each(without_resets),
        _ => {}
    }
}
