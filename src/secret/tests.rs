use std::borrow::Cow;
use std::os::unix::fs::PermissionsExt;

use proptest::prelude::*;
use secrecy::ExposeSecret;

use super::*;

struct Place {
    dir: tempfile::TempDir,
    environment: BTreeMap<String, String>,
}

impl Place {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            environment: BTreeMap::new(),
        }
    }

    fn path(&self) -> &Utf8Path {
        Utf8Path::from_path(self.dir.path()).unwrap()
    }

    fn kept(&self) -> Utf8PathBuf {
        self.path().join(".dev/secrets")
    }

    async fn read(&self, name: &str, source: SecretSource) -> Result<String, SecretError> {
        let kept = self.kept();
        let context = Context {
            dir: self.path(),
            kept: &kept,
            environment: &self.environment,
            random,
        };
        read(name, &source, &context)
            .await
            .map(|value| value.expose_secret().to_owned())
    }
}

fn mode(path: &Utf8Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test]
async fn a_generated_secret_is_kept_for_its_owner_alone() {
    let place = Place::new();
    let value = place.read("JWT", SecretSource::Generate(32)).await.unwrap();
    assert_eq!(value.len(), 32);
    assert!(value.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let file = place.kept().join("JWT");
    assert_eq!((mode(&file), mode(&place.kept())), (0o600, 0o700));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), value);
    assert_eq!(
        place.read("JWT", SecretSource::Generate(64)).await.unwrap(),
        value,
        "never made anew"
    );
    assert_ne!(
        place
            .read("OTHER", SecretSource::Generate(32))
            .await
            .unwrap(),
        value
    );
    assert_eq!(
        std::fs::read_dir(place.kept()).unwrap().count(),
        2,
        "nothing is left beside them"
    );
}

#[tokio::test]
async fn a_kept_secret_that_others_can_read_is_closed_and_an_empty_one_is_an_error() {
    let place = Place::new();
    std::fs::create_dir_all(place.kept()).unwrap();
    let file = place.kept().join("JWT");
    std::fs::write(&file, "from a backup\n").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert_eq!(
        place.read("JWT", SecretSource::Generate(32)).await.unwrap(),
        "from a backup"
    );
    assert_eq!(mode(&file), 0o600);
    std::fs::write(&file, "").unwrap();
    let error = place
        .read("JWT", SecretSource::Generate(32))
        .await
        .unwrap_err();
    assert!(matches!(error, SecretError::Empty { .. }), "{error}");
    assert_eq!(
        std::fs::read_to_string(&file).unwrap(),
        "",
        "it may be somebody's disk that failed: left alone"
    );
}

#[test]
fn many_at_once_agree_on_one_value() {
    let place = Place::new();
    let kept = place.kept();
    let values: Vec<String> = std::thread::scope(|scope| {
        let one = || {
            generate::kept("JWT", 20, &kept, random)
                .unwrap()
                .expose_secret()
                .to_owned()
        };
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(one)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(values.iter().all(|value| *value == values[0]), "{values:?}");
}

#[test]
fn a_name_is_never_a_path() {
    assert_eq!(file_name("JWT_1.pem"), "JWT_1.pem");
    assert_eq!(file_name("../../etc/passwd"), "%2E.%2F..%2Fetc%2Fpasswd");
    assert_eq!(file_name("é"), "%C3%A9");
}

#[tokio::test]
async fn variables_and_files() {
    let mut place = Place::new();
    place
        .environment
        .insert("JWT".to_owned(), "from env".to_owned());
    place.environment.insert("EMPTY".to_owned(), String::new());
    std::fs::write(place.path().join("jwt.pem"), "line 1\nline 2\r\n").unwrap();
    assert_eq!(
        place
            .read("a", SecretSource::Env("JWT".to_owned()))
            .await
            .unwrap(),
        "from env"
    );
    assert_eq!(
        place
            .read("b", SecretSource::File("jwt.pem".into()))
            .await
            .unwrap(),
        "line 1\nline 2"
    );
    for variable in ["EMPTY", "NONE"] {
        let error = place
            .read("c", SecretSource::Env(variable.to_owned()))
            .await
            .unwrap_err();
        assert_eq!((error.code(), error.name()), ("secret::env", "c"));
        assert_eq!(error.help(), format!("set it: `export {variable}=…`"));
    }
    let error = place
        .read("d", SecretSource::File("none".into()))
        .await
        .unwrap_err();
    assert!(
        error.to_string().starts_with("secret `d`: cannot read /"),
        "{error}"
    );
    assert!(
        place
            .read("d", SecretSource::File(".".into()))
            .await
            .is_err(),
        "a folder"
    );
    std::fs::write(place.path().join("binary"), [0xff, 0xfe]).unwrap();
    assert!(
        place
            .read("d", SecretSource::File("binary".into()))
            .await
            .is_err()
    );
}

#[tokio::test]
async fn all_that_is_wrong_is_told_at_once() {
    let place = Place::new();
    let kept = place.kept();
    let sources = BTreeMap::from([
        ("A".to_owned(), SecretSource::Env("NONE".to_owned())),
        ("B".to_owned(), SecretSource::Generate(8)),
        ("C".to_owned(), SecretSource::File("none".into())),
    ]);
    let context = Context {
        dir: place.path(),
        kept: &kept,
        environment: &place.environment,
        random,
    };
    let (values, errors) = load(&sources, &context).await;
    assert_eq!(values.keys().collect::<Vec<_>>(), ["B"]);
    assert_eq!(
        errors.iter().map(SecretError::name).collect::<Vec<_>>(),
        ["A", "C"]
    );
}

fn redactor(values: &[&str]) -> Redactor {
    let secrets: Vec<SecretString> = values.iter().map(|value| (*value).into()).collect();
    Redactor::new(&secrets)
}

#[test]
fn values_are_masked_in_every_form() {
    let redactor = redactor(&["p@ss w\"rd/é", "abc"]);
    for leak in [
        "p@ss w\"rd/é",
        "p%40ss%20w%22rd%2F%C3%A9",
        "p%40ss+w%22rd%2f%c3%a9",
        r#"p@ss w\"rd/é"#,
        "cEBzcyB3InJkL8Op",
    ] {
        assert_eq!(redactor.redact(&format!("<{leak}>")), "<***>", "{leak}");
    }
    assert_eq!(
        redactor.redact("abc stays: it is too short"),
        "abc stays: it is too short"
    );
    assert!(matches!(redactor.redact("nothing here"), Cow::Borrowed(_)));
    assert_eq!(format!("{redactor:?}").find("p@ss"), None);
}

#[test]
fn values_that_overlap_leave_no_tail() {
    let redactor = redactor(&["abcd1234", "1234wxyz", "aXaXa"]);
    assert_eq!(redactor.redact("=abcd1234wxyz="), "=***=");
    assert_eq!(redactor.redact("aXaXaXa!"), "***!");
    assert_eq!(redactor.redact("abcd12341234wxyz"), "******");
}

#[test]
fn a_key_is_masked_line_by_line() {
    let redactor =
        redactor(&["-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END KEY-----"]);
    assert_eq!(redactor.redact("2: kqhkiG9w0BAQEF"), "2: ***");
    assert_eq!(
        redactor.redact("-----BEGIN KEY-----"),
        "-----BEGIN KEY-----"
    );
}

#[test]
fn without_secrets_nothing_changes() {
    assert_eq!(Redactor::default().redact("text"), "text");
    assert_eq!(redactor(&["", "a"]).redact("a text"), "a text");
}

proptest! {
    #[test]
    fn no_text_shows_a_value(secrets in prop::collection::vec("[a-c@ é]{4,7}", 1..4), around in "[a-c@ é]{0,8}", at in 0..4usize) {
        let redactor = Redactor::new(&secrets.iter().map(|s| s.clone().into()).collect::<Vec<SecretString>>());
        let text = format!("{around}{}{around}", secrets[at % secrets.len()]);
        let clean = redactor.redact(&text);
        for secret in &secrets {
            prop_assert!(!clean.contains(secret.as_str()), "{clean:?} shows {secret:?}");
        }
    }
}
