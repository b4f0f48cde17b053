use tonic::metadata::MetadataMap;

use super::{Wanted, unescape};

#[test]
fn what_is_wanted_comes_as_headers() {
    let mut metadata = MetadataMap::new();
    metadata.insert("dir-name", "context".parse().expect("a value"));
    metadata.append("followpaths", "src".parse().expect("a value"));
    metadata.append("followpaths", "a%20b+c".parse().expect("a value"));
    metadata.append("exclude-patterns", "%C3%A9+x".parse().expect("a value"));
    metadata.insert("exclude-patterns-encoded", "1".parse().expect("a value"));
    let wanted = Wanted::read(&metadata);
    assert_eq!(wanted.folder, "context");
    assert_eq!(
        wanted.follow,
        ["src", "a%20b+c"],
        "not encoded: taken as it is"
    );
    assert_eq!(wanted.exclude, ["é x"]);
    assert!(wanted.include.is_empty());
}

#[test]
fn broken_escapes_stay() {
    assert_eq!(unescape("100%"), "100%");
    assert_eq!(unescape("%zz%4"), "%zz%4");
}
