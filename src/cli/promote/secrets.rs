//! The values of a stack's secrets, for a cluster.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use secrecy::{ExposeSecret, SecretString};

use crate::cli::error::CliError;
use crate::cli::session::Session;
use crate::promote::{Going, Kind, Object, Promotion, namespace, secret_name};
use crate::runtime::kube::Kube;
use crate::secret;
use crate::stack::SecretSource;
use crate::stack::resolve::Absent;

/// What is known of them. A stack may name secrets that nothing uses: those are not missed.
pub struct Values {
    values: BTreeMap<String, SecretString>,
    absent: BTreeMap<String, Absent>,
}

/// What is generated is generated once: the cluster's data was made with it, so its value goes before one of ours.
pub async fn values(session: &Session, going: &Going, kube: &Kube) -> Result<Values, CliError> {
    let space = namespace(&going.stack);
    let live = kube
        .find(Kind::Secret, &space, &secret_name(&going.stack))
        .await?;
    let there = |name: &String| -> Option<SecretString> {
        let coded = live.as_ref()?["data"][name].as_str()?;
        let bytes = STANDARD.decode(coded).ok()?;
        Some(String::from_utf8(bytes).ok()?.into())
    };
    let mut values = BTreeMap::new();
    let mut asked = BTreeMap::new();
    for (name, source) in &going.stack.secrets {
        match (source, there(name)) {
            (SecretSource::Generate(_), Some(value)) => drop(values.insert(name.clone(), value)),
            _ => drop(asked.insert(name.clone(), source.clone())),
        }
    }
    let kept = session.store.secrets();
    let context = secret::Context {
        dir: &session.stack.dir,
        kept: &kept,
        environment: &session.environment.variables,
        random: secret::random,
    };
    let (read, errors) = secret::load(&asked, &context).await;
    values.extend(read);
    let absent = errors.into_iter().map(|error| {
        let (why, help) = (error.to_string(), error.help());
        (error.name().to_owned(), Absent { why, help })
    });
    Ok(Values {
        values,
        absent: absent.collect(),
    })
}

impl Values {
    pub fn all(&self) -> impl Iterator<Item = &SecretString> {
        self.values.values()
    }

    /// Keyed, so that nobody can try values against them.
    pub fn digests(&self, key: &[u8; 32]) -> BTreeMap<String, String> {
        let digest = |value: &SecretString| {
            blake3::keyed_hash(key, value.expose_secret().as_bytes()).to_hex()[..16].to_owned()
        };
        self.values
            .iter()
            .map(|(name, value)| (name.clone(), digest(value)))
            .collect()
    }

    /// The Secret with those that the promotion uses.
    pub fn object(&self, going: &Going, promotion: &Promotion) -> Result<Option<Object>, CliError> {
        let missing: Vec<Absent> = promotion
            .secrets
            .keys()
            .filter_map(|name| self.absent.get(name).cloned())
            .collect();
        if !missing.is_empty() {
            return Err(CliError::Secrets(missing));
        }
        if promotion.secrets.is_empty() {
            return Ok(None);
        }
        let value = |name: &String| {
            let value = self.values.get(name)?;
            Some((
                name.clone(),
                ByteString(value.expose_secret().as_bytes().to_vec()),
            ))
        };
        let secret = Secret {
            metadata: crate::promote::meta_of(
                &going.stack,
                &promotion.secret,
                &promotion.namespace,
            ),
            type_: Some("Opaque".to_owned()),
            data: Some(promotion.secrets.keys().filter_map(value).collect()),
            ..Secret::default()
        };
        Ok(Some(Object::new(
            Kind::Secret,
            &promotion.secret,
            0,
            &secret,
        )))
    }
}
