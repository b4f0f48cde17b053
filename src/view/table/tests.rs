use super::*;
use crate::view::samples::{self, NOW};

const LOOK: Look = Look {
    color: false,
    unicode: true,
};

fn canvas(width: usize, height: usize) -> Canvas<'static> {
    Canvas {
        now: NOW,
        width,
        height,
        look: LOOK,
        footer: None,
        kind: Kind::Live,
    }
}

fn text(state: &State, canvas: &Canvas<'_>) -> String {
    let lines = frame(state, canvas);
    assert!(lines.len() <= canvas.height, "{} lines", lines.len());
    for line in &lines {
        assert!(
            line.width() <= canvas.width,
            "{} columns: {line:?}",
            line.width()
        );
    }
    lines
        .iter()
        .map(|line| format!("{}\n", line.render(canvas.look)))
        .collect()
}

fn both(state: &State) -> String {
    format!(
        "{}\n{}",
        text(state, &canvas(80, 24)),
        text(state, &canvas(120, 24))
    )
}

#[test]
fn before_the_stack_is_read() {
    assert_eq!(
        text(&State::default(), &canvas(20, 5)),
        "── dev ─────────────\n"
    );
}

#[test]
fn frames() {
    let mut start = samples::waiting();
    start
        .services
        .iter_mut()
        .for_each(|service| service.holds.clear());
    insta::assert_snapshot!("start", both(&start));
    insta::assert_snapshot!("waiting", both(&samples::waiting()));
    insta::assert_snapshot!("building", both(&samples::starting()));
    insta::assert_snapshot!("pulling", both(&samples::pulling()));
    insta::assert_snapshot!("ready", both(&samples::ready()));
    insta::assert_snapshot!("failed", both(&samples::failed()));
    insta::assert_snapshot!("degraded", both(&samples::degraded()));
    insta::assert_snapshot!("many", both(&samples::many()));
}

#[test]
fn names_that_differ_at_their_ends_can_be_told_apart() {
    let mut state = samples::ready();
    let names = (1..=3).map(|n| format!("service-of-the-shop-number-{n:02}"));
    for (service, name) in state.services.iter_mut().zip(names) {
        service.info.name = name;
        service.info.addresses = vec!["http://127.0.0.1:18000".to_owned()];
        service.last_line = "a line that it printed, longer than there is room for".to_owned();
    }
    let text = text(&state, &canvas(80, 24));
    for (name, line) in [("-01", 1), ("-02", 2), ("-03", 3)] {
        let line = text.lines().nth(line).unwrap();
        assert!(line.contains(name), "{text}");
        assert!(line.contains("http://127.0.0.1:18000"), "{text}");
    }
}

#[test]
fn a_rejected_stack_file_is_shown_beneath_what_runs() {
    let mut state = samples::ready();
    let error = "dev.toml:12:1: unknown key `imgae`\n  12 | imgae = \"redis:6\"\n     | ^^^^^ did you mean `image`?\n";
    state.rejected = Some(error.to_owned());
    insta::assert_snapshot!(
        "rejected",
        text(
            &state,
            &Canvas {
                footer: Some("Ctrl-C stops the stack"),
                ..canvas(80, 24)
            }
        )
    );
}

#[test]
fn without_unicode_and_narrow() {
    let ascii = Look {
        color: false,
        unicode: false,
    };
    let shown = text(
        &samples::starting(),
        &Canvas {
            look: ascii,
            ..canvas(80, 24)
        },
    );
    assert!(shown.is_ascii(), "{shown}");
    let narrow: Vec<String> = [60, 40]
        .into_iter()
        .map(|width| text(&samples::failed(), &canvas(width, 24)))
        .collect();
    insta::assert_snapshot!(
        "ascii_and_narrow",
        format!("{shown}\n{}", narrow.join("\n"))
    );
}

#[test]
fn failures_are_never_the_ones_left_out() {
    for height in 3..40 {
        let shown = text(&samples::many(), &canvas(80, height));
        assert!(shown.contains("service-17"), "{height}:\n{shown}");
        assert!(
            height < 4 || shown.contains("service-33"),
            "{height}:\n{shown}"
        );
        assert!(shown.contains(" ready"), "{height}:\n{shown}");
    }
}

#[test]
fn colors_do_not_change_the_text() {
    let color = Look {
        color: true,
        unicode: true,
    };
    let plain = frame(&samples::failed(), &canvas(80, 24));
    let painted = frame(
        &samples::failed(),
        &Canvas {
            look: color,
            ..canvas(80, 24)
        },
    );
    for (plain, painted) in plain.iter().zip(&painted) {
        let painted = painted.render(color);
        assert_eq!(
            console::strip_ansi_codes(&painted).trim_end(),
            plain.render(LOOK)
        );
    }
}

#[test]
fn an_engine_that_is_away_is_said_so_and_not_before_the_first_look() {
    let mut state = samples::ready();
    state.runtime_up = false;
    assert!(text(&state, &canvas(80, 24)).contains("the container engine does not answer"));
    let mut state = samples::waiting();
    state.runtime_up = false;
    assert!(!text(&state, &canvas(80, 24)).contains("does not answer"));
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(60))]

    #[test]
    fn any_state_fits(state in samples::any::state(), width in 0..200_usize, height in 0..60_usize) {
        for kind in [Kind::Live, Kind::Once, Kind::Piped] {
            let canvas = Canvas { kind, footer: Some("Ctrl-C stops the stack"), ..canvas(width, height) };
            let shown = text(&state, &canvas);
            proptest::prop_assert!(!shown.replace('\n', "").chars().any(char::is_control), "{shown:?}");
        }
        let _ = crate::view::status::report(&state, NOW);
        let _ = crate::view::summary::closing(&state, &[], true, 0, LOOK);
        for service in &state.services {
            let _ = crate::view::why::why(&state, &service.info.name, NOW, LOOK);
        }
    }
}

#[test]
fn what_serves_while_it_is_built_anew_is_counted_as_ready() {
    let mut state = samples::ready();
    samples::work(
        &mut state,
        "api",
        crate::engine::event::Verb::Build,
        "RUN make",
        1,
        2,
    );
    samples::enter(
        &mut state,
        "api",
        crate::engine::state::Phase::Building,
        300,
    );
    let shown = text(&state, &canvas(80, 24));
    assert!(shown.starts_with("── gold  5 of 5 ready"), "{shown}");
    samples::probe(&mut state, "api", false, "connection refused");
    let shown = text(&state, &canvas(80, 24));
    assert!(shown.starts_with("── gold  4 of 5 ready"), "{shown}");
}

#[test]
fn a_new_version_that_is_not_ready_is_shown_at_the_one_that_serves() {
    let mut state = samples::ready();
    samples::beside(&mut state, "api", "503 Service Unavailable");
    let shown = text(&state, &canvas(120, 24));
    let line = shown.lines().find(|line| line.contains(" api ")).unwrap();
    assert!(line.contains("✓ api") && line.contains("ready"), "{line}");
    assert!(
        line.contains("a new version starts: 503 Service Unavailable"),
        "{line}"
    );
}
