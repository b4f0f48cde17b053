use serde_json::Value;

/// The lines of `--json`.
#[derive(Debug, Clone)]
pub struct Events(Vec<Value>);

impl Events {
    /// # Panics
    /// A line is no event of the documented version.
    pub fn read(lines: &str) -> Self {
        let events = lines.lines().map(|line| {
            let event: Value = serde_json::from_str(line)
                .unwrap_or_else(|error| panic!("no JSON ({error}): {line}"));
            assert!(
                event["v"] == 1 && event["at"].is_u64() && event["event"].is_string(),
                "no event of version 1: {line}"
            );
            event
        });
        Self(events.collect())
    }

    /// Events of one kind about one service, in their order.
    pub fn of<'a>(&'a self, kind: &'a str, service: &'a str) -> impl Iterator<Item = &'a Value> {
        self.0
            .iter()
            .filter(move |event| event["event"] == kind && event["service"] == service)
    }

    /// Whether each probe of a service passed, by the life it asked, in order.
    pub fn probes<'a>(&'a self, service: &'a str) -> impl Iterator<Item = (String, bool)> + 'a {
        self.of("probe", service)
            .map(|event| (event["generation"].to_string(), event["passed"] == true))
    }
}
