//! Tenants and API keys.

use agent_core::id::{KeyId, TenantId};
use agent_core::key::ApiKey;
use agent_core::ports::store::{NewKey, StoreError};

use crate::harness::Harness;

fn new_key(h: &Harness, tenant: &TenantId, hash: &str) -> NewKey {
    NewKey {
        id: KeyId::new(&*h.entropy),
        tenant: tenant.clone(),
        name: format!("key {hash}"),
        shown: "errand_abc".to_owned(),
        hash: hash.to_owned(),
    }
}

pub async fn a_tenant_is_made_once_for_each_name(h: &mut Harness) {
    let (a, b) = (TenantId::new(&*h.entropy), TenantId::new(&*h.entropy));
    let there = h.another_handle().await;
    let (first, second) = tokio::join!(
        h.store.ensure_tenant(&a, "shop"),
        there.ensure_tenant(&b, "shop")
    );
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first, second);
    assert!([a, b].contains(&first));
    let c = TenantId::new(&*h.entropy);
    assert_eq!(h.store.ensure_tenant(&c, "shop").await.unwrap(), first);
    assert_eq!(h.store.ensure_tenant(&c, "office").await.unwrap(), c);
}

pub async fn a_key_is_found_by_its_hash_and_listed_with_its_tenants_keys(h: &mut Harness) {
    let stranger = h.stranger().await;
    let new = [
        new_key(h, &h.tenant, "1"),
        new_key(h, &stranger, "2"),
        new_key(h, &h.tenant, "3"),
    ];
    let mut stored = Vec::new();
    for key in new {
        h.store.create_key(key.clone()).await.unwrap();
        let found = h.store.find_key(&key.hash).await.unwrap().unwrap();
        let expected = ApiKey {
            id: key.id,
            tenant: key.tenant,
            name: key.name,
            shown: key.shown,
            created_at_ms: found.created_at_ms,
            revoked_at_ms: None,
        };
        assert_eq!(found, expected);
        stored.push(found);
        h.shift_clock(10).await;
    }
    let theirs = vec![stored.remove(1)];
    assert_eq!(h.store.list_keys(&stranger).await.unwrap(), theirs);
    assert_eq!(h.store.list_keys(&h.tenant).await.unwrap(), stored);
    assert_eq!(h.store.find_key("4").await.unwrap(), None);
}

pub async fn a_revoked_key_stays_revoked_since_the_first_time(h: &mut Harness) {
    let key = new_key(h, &h.tenant, "1");
    let id = key.id.clone();
    h.store.create_key(key).await.unwrap();
    h.shift_clock(1000).await;
    h.store.revoke_key(&h.tenant, &id).await.unwrap();
    let revoked = h.store.find_key("1").await.unwrap().unwrap();
    assert!(revoked.revoked_at_ms.unwrap() >= revoked.created_at_ms + 1000);
    h.shift_clock(1000).await;
    h.store.revoke_key(&h.tenant, &id).await.unwrap();
    assert_eq!(h.store.find_key("1").await.unwrap(), Some(revoked.clone()));
    assert_eq!(h.store.list_keys(&h.tenant).await.unwrap(), vec![revoked]);
}

pub async fn another_tenant_cannot_revoke_a_key(h: &mut Harness) {
    let key = new_key(h, &h.tenant, "1");
    h.store.create_key(key.clone()).await.unwrap();
    let stranger = h.stranger().await;
    let absent = KeyId::new(&*h.entropy);
    for (tenant, id) in [(&stranger, &key.id), (&h.tenant, &absent)] {
        let refused = h.store.revoke_key(tenant, id).await.unwrap_err();
        assert!(matches!(refused, StoreError::NotFound), "{refused:?}");
    }
    let found = h.store.find_key("1").await.unwrap().unwrap();
    assert_eq!(found.revoked_at_ms, None);
}
