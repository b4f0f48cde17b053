use super::Dockerfile;

fn secrets(text: &str, target: Option<&str>) -> Vec<(usize, String)> {
    let found = Dockerfile::parse(text).secrets(target);
    found
        .into_iter()
        .map(|mount| (mount.line, mount.id))
        .collect()
}

#[test]
fn lines_are_joined_and_comments_left_out() {
    let file = Dockerfile::parse(
        "# syntax=x\n\nFROM a \\\n  # between\n\n  AS b\nrun  --network=none  echo \\\n hi\n",
    );
    let seen: Vec<_> = file
        .instructions
        .iter()
        .map(|i| (i.line, i.keyword.as_str(), i.stage))
        .collect();
    assert_eq!(seen, [(3, "FROM", Some(0)), (7, "RUN", Some(0))]);
    assert_eq!(file.instructions[0].stage_name().as_deref(), Some("b"));
    assert_eq!(
        file.instructions[1].flags,
        [("network".to_owned(), "none".to_owned())]
    );
    assert_eq!(file.instructions[1].rest, "echo   hi");
}

#[test]
fn the_escape_directive_counts() {
    let file = Dockerfile::parse("# escape=`\nFROM a\nRUN dir c:\\\nRUN a `\n b\n");
    let lines: Vec<_> = file.instructions.iter().map(|i| i.line).collect();
    assert_eq!(lines, [2, 3, 4]);
}

#[test]
fn heredocs_are_no_instructions() {
    let file = Dockerfile::parse(
        "FROM a\nRUN <<EOF\nRUN --mount=type=secret,id=no\nEOF\nCOPY <<-\"X\" /x\n\ttext\n\tX\nRUN echo $((1<<2))\n",
    );
    let seen: Vec<_> = file
        .instructions
        .iter()
        .map(|i| (i.line, i.heredoc))
        .collect();
    assert_eq!(seen, [(1, false), (2, true), (5, true), (8, false)]);
}

#[test]
fn secrets_are_found_by_id_or_by_target() {
    let text = "FROM a\n\
        RUN --mount=type=secret,id=one --mount=type=cache,id=no,target=/c true\n\
        RUN --mount=type=secret,target=/run/keys/two,required=true true\n\
        RUN --mount=type=secret,id=three,required=false true\n\
        RUN --mount=type=secret,id=four,env=FOUR true\n\
        RUN --mount=type=secret,id=$FIVE true\n";
    assert_eq!(
        secrets(text, None),
        [(2, "one".into()), (3, "two".into()), (5, "four".into())]
    );
}

#[test]
fn only_the_stages_of_the_target_ask() {
    let text = "ARG V=1\n\
        FROM a AS base\nRUN --mount=type=secret,id=base true\n\
        FROM b AS tools\nRUN --mount=type=secret,id=tools true\n\
        FROM c AS unused\nRUN --mount=type=secret,id=unused true\n\
        FROM base AS dev\nCOPY --from=tools /x /x\n\
        FROM d AS prod\nRUN --mount=type=bind,from=base,target=/b true\nRUN --mount=type=secret,id=prod true\n";
    let ids = |target| {
        secrets(text, target)
            .into_iter()
            .map(|(_, id)| id)
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(Some("dev")), ["base", "tools"]);
    assert_eq!(ids(Some("DEV")), ["base", "tools"]);
    assert_eq!(ids(None), ["base", "prod"]);
    assert_eq!(ids(Some("1")), ["tools"]);
    assert!(ids(Some("none")).is_empty());
}

#[test]
fn a_stage_chosen_by_a_variable_may_be_any_before() {
    let text = "FROM a AS one\nRUN --mount=type=secret,id=one true\nFROM $WHICH AS two\n";
    assert_eq!(secrets(text, None), [(2, "one".into())]);
}

#[test]
fn what_needs_buildkit_is_listed_with_its_line() {
    let text = "FROM a\nRUN --mount=type=cache,target=/c true\nCOPY --chown=1 a b\nCOPY --link --chmod=644 a b\nRUN <<EOF\ntrue\nEOF\nRUN plain\n";
    let found = Dockerfile::parse(text).needs_buildkit();
    let found: Vec<_> = found
        .iter()
        .map(|(line, what)| (*line, what.as_str()))
        .collect();
    assert_eq!(
        found,
        [
            (2, "RUN --mount"),
            (4, "COPY --link"),
            (4, "COPY --chmod"),
            (5, "RUN <<…")
        ]
    );
}

#[test]
fn nonsense_is_no_panic() {
    for text in [
        "",
        "\\",
        "FROM",
        "RUN --",
        "FROM a AS\nCOPY --from= x",
        "RUN <<",
        "#",
        "FROM a \\",
    ] {
        let file = Dockerfile::parse(text);
        file.secrets(None);
        file.needs_buildkit();
    }
}

#[test]
fn images_are_what_is_no_stage() {
    let text = "FROM ghcr.io/a/b:1 AS one\nFROM one AS two\nCOPY --from=0 a b\nCOPY --from=nginx:1 a b\nFROM $BASE\nFROM scratch\n";
    let images: Vec<_> = Dockerfile::parse(text).images().into_iter().collect();
    assert_eq!(images, ["ghcr.io/a/b:1", "nginx:1"]);
}
