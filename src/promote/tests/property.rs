//! Any stack that is valid, and can go at all, gives valid objects.

use proptest::prelude::*;

use super::check::check;
use super::drawn::{drawn, text};
use super::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_stack_gives_valid_objects(services in prop::collection::vec(drawn(), 1..6), gates in any::<bool>()) {
        let text = text(services);
        let dir = Utf8Path::new("/stack");
        let layer = Layer { path: dir.join("dev.toml"), text: text.clone() };
        let nothing = |_: &Utf8Path| Err(std::io::ErrorKind::NotFound.into());
        // What is no stack is no business of ours.
        let Ok(loaded) = parse(dir, vec![layer], Some("shop"), &nothing) else {
            return Err(TestCaseError::reject("no stack"));
        };
        let going = all(&loaded.stack);
        let facts = Facts { gates, ..facts(&going) };
        match promote(&going, &facts) {
            Ok(promotion) => {
                check(&going, &promotion);
                let chart = helm(&going, &promotion);
                prop_assert!(chart.values().all(|text| !text.contains("zzvalue")), "every value has its expression");
                let again = promote(&going, &facts).expect("as before");
                prop_assert_eq!(&promotion.objects, &again.objects);
            }
            Err(refusals) => {
                prop_assert!(!refusals.is_empty());
                prop_assert!(refusals.iter().all(|refusal| !refusal.help().is_empty()), "{:?}", refusals);
            }
        }
    }
}
