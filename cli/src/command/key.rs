//! `errand key`: make, list and revoke API keys.

use agent_core::id::{KeyId, TenantId};
use agent_core::key::{format_key, hash_key, shown_part};
use agent_core::ports::entropy::Entropy;
use agent_core::ports::store::{NewKey, Store};
use agent_core::secret::Secret;
use anyhow::{Context, Result, bail};

use crate::args::KeyAction;
use crate::config::Paths;
use crate::database::{Database, Opened};
use crate::entropy::{SystemEntropy, random_bytes};

/// Whose a key is.
pub struct Owner<'a> {
    /// The tenant's name; the tenant is made if there is none.
    pub tenant: &'a str,
    /// A name for people.
    pub name: &'a str,
}

/// A new key, not stored yet.
pub fn random() -> Secret {
    format_key(random_bytes())
}

/// Stores a key's hash. The key itself is never stored.
pub async fn store(
    store: &dyn Store,
    entropy: &dyn Entropy,
    owner: &Owner<'_>,
    key: &Secret,
) -> Result<()> {
    let tenant = store
        .ensure_tenant(&TenantId::new(entropy), owner.tenant)
        .await?;
    let hash = hash_key(key.expose()).context("a new key has the wrong form")?;
    let shown = shown_part(key.expose());
    let (id, name) = (KeyId::new(entropy), owner.name.to_owned());
    Ok(store
        .create_key(NewKey {
            id,
            tenant,
            name,
            shown,
            hash,
        })
        .await?)
}

/// Opens the database, and tells what is done to it. Only a new key is worth a new database.
pub async fn open(database: &Database, paths: &Paths, action: &KeyAction) -> Result<Opened> {
    match action {
        KeyAction::Create { .. } => paths.create()?,
        KeyAction::List { .. } | KeyAction::Revoke { .. } => {
            if database.is_new().await? {
                bail!(
                    "there are no keys, for there is no database of Errand yet ({}); is this the right one? `errand serve` and `errand key create` make it",
                    database.describe()
                );
            }
        }
    }
    database.open_migrated(|said| eprintln!("{said}")).await
}

/// Runs one action.
pub async fn run(store: &dyn Store, action: &KeyAction) -> Result<()> {
    let entropy = SystemEntropy::default();
    match action {
        KeyAction::Create { name, tenant } => {
            let key = random();
            self::store(store, &entropy, &Owner { tenant, name }, &key).await?;
            println!("{}", key.expose());
            eprintln!("this key is shown once; keep it");
        }
        KeyAction::List { tenant } => {
            let tenant = store
                .ensure_tenant(&TenantId::new(&entropy), tenant)
                .await?;
            for key in store.list_keys(&tenant).await? {
                let state = if key.revoked_at_ms.is_some() {
                    "revoked"
                } else {
                    "valid"
                };
                println!("{}  {}…  {state:<7}  {}", key.id, key.shown, key.name);
            }
        }
        KeyAction::Revoke { id, tenant } => {
            let id: KeyId = id.parse()?;
            let tenant_id = store
                .ensure_tenant(&TenantId::new(&entropy), tenant)
                .await?;
            if !store
                .list_keys(&tenant_id)
                .await?
                .iter()
                .any(|key| key.id == id)
            {
                bail!("tenant {tenant} has no key {id}; `errand key list` shows them");
            }
            store.revoke_key(&tenant_id, &id).await?;
            println!("revoked {id}; the servers refuse it within a second");
        }
    }
    Ok(())
}
