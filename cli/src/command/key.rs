//! `errand key`: make, list and revoke API keys.

use agent_core::id::{KeyId, TenantId};
use agent_core::key::{format_key, hash_key, shown_part};
use agent_core::ports::entropy::Entropy;
use agent_core::ports::store::{NewKey, Store};
use agent_core::secret::Secret;
use anyhow::{Context, Result, bail};

use crate::args::KeyAction;
use crate::entropy::{SystemEntropy, random_bytes};

/// Makes a key for a tenant, which is made if there is none. The key is not stored; only its hash is.
pub async fn create(
    store: &dyn Store,
    entropy: &dyn Entropy,
    tenant: &str,
    name: &str,
) -> Result<Secret> {
    let tenant = store.ensure_tenant(&TenantId::new(entropy), tenant).await?;
    let key = format_key(random_bytes());
    let hash = hash_key(key.expose()).context("a new key has the wrong form")?;
    let shown = shown_part(key.expose());
    store
        .create_key(NewKey {
            id: KeyId::new(entropy),
            tenant,
            name: name.to_owned(),
            shown,
            hash,
        })
        .await?;
    Ok(key)
}

/// Runs one action.
pub async fn run(store: &dyn Store, action: &KeyAction) -> Result<()> {
    let entropy = SystemEntropy::default();
    match action {
        KeyAction::Create { name, tenant } => {
            let key = create(store, &entropy, tenant, name).await?;
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
