//! Stored credentials: one for each name of a tenant, sealed, and nobody else's.

use agent_core::credential::{SealedCredential, SecretName, StoredCredential, Terms};
use agent_core::id::TenantId;
use agent_core::ports::credentials::Put;
use agent_core::ports::sealer::{Sealer, UnsealError};
use agent_core::ports::store::StoreError;
use agent_core::secret::Secret;
use store_seal::{KeyFile, XChaChaSealer};

use crate::harness::Harness;

const VALUE: &str = "canary-5e1f0c";
const MANY: u32 = 100;

fn sealer() -> XChaChaSealer {
    let folder = tempfile::tempdir().unwrap();
    XChaChaSealer::new(&KeyFile::load_or_create(folder.path().join("key")).unwrap())
}

fn name(text: &str) -> SecretName {
    text.parse().unwrap()
}

fn terms(host: &str) -> Terms {
    Terms {
        hosts: vec![host.parse().unwrap(), "*.example.com:8443".parse().unwrap()],
        header: "X-Api-Key".parse().unwrap(),
        format: "key {secret}".parse().unwrap(),
    }
}

fn sealed(tenant: &TenantId, called: &str, sealer: &dyn Sealer) -> SealedCredential {
    let place = (tenant.clone(), name(called));
    SealedCredential::seal(place, terms("api.example.com"), &Secret::new(VALUE), sealer)
}

async fn put(h: &Harness, new: &SealedCredential) -> StoredCredential {
    match h.store.put_credential(new.clone(), MANY).await.unwrap() {
        Put::Created(stored) | Put::Replaced(stored) => stored,
        Put::Full => panic!("there is no room for {}", new.name),
    }
}

async fn names(h: &Harness, tenant: &TenantId) -> Vec<String> {
    let listed = h.store.list_credentials(tenant).await.unwrap();
    listed.into_iter().map(|one| one.name.into()).collect()
}

pub async fn a_credential_is_shown_with_its_terms_and_handed_out_sealed(h: &mut Harness) {
    let new = sealed(&h.tenant, "github", &sealer());
    let put = h.store.put_credential(new.clone(), MANY).await.unwrap();
    let Put::Created(stored) = put else {
        panic!("it is not new: {put:?}");
    };
    let expected = StoredCredential {
        name: new.name.clone(),
        terms: new.terms.clone(),
        created_at_ms: stored.created_at_ms,
        updated_at_ms: stored.created_at_ms,
    };
    assert_eq!(stored, expected);
    h.reopen().await;
    let found = h.store.find_credential(&h.tenant, &new.name).await;
    assert_eq!(found.unwrap(), Some(expected.clone()));
    let listed = h.store.list_credentials(&h.tenant).await.unwrap();
    assert_eq!(listed, vec![expected]);
    let wanted = [name("absent"), new.name.clone()];
    let given = h.store.find_sealed(&h.tenant, &wanted).await.unwrap();
    assert_eq!(given, vec![new]);
    let absent = h.store.find_credential(&h.tenant, &name("absent")).await;
    assert_eq!(absent.unwrap(), None);
    let nothing = h.store.find_sealed(&h.tenant, &[]).await.unwrap();
    assert_eq!(nothing, vec![]);
}

pub async fn a_credential_of_the_same_name_takes_the_place_and_keeps_the_age(h: &mut Harness) {
    let sealer = sealer();
    let first = put(h, &sealed(&h.tenant, "github", &sealer)).await;
    h.shift_clock(1_000).await;
    let place = (h.tenant.clone(), name("github"));
    let value = Secret::new("rotated");
    let second = SealedCredential::seal(place, terms("other.example.com"), &value, &sealer);
    let put = h.store.put_credential(second.clone(), MANY).await.unwrap();
    let Put::Replaced(stored) = put else {
        panic!("nothing was replaced: {put:?}");
    };
    assert_eq!(stored.terms, second.terms);
    assert_eq!(stored.created_at_ms, first.created_at_ms);
    assert!(stored.updated_at_ms >= first.updated_at_ms + 1_000);
    let listed = h.store.list_credentials(&h.tenant).await.unwrap();
    assert_eq!(listed, vec![stored]);
    let given = h.store.find_sealed(&h.tenant, &[name("github")]).await;
    let opened = given.unwrap()[0].open(&sealer).unwrap();
    assert_eq!(opened.value.expose(), "key rotated");
}

pub async fn credentials_are_listed_by_name_and_given_as_they_are_asked_for(h: &mut Harness) {
    let sealer = sealer();
    for called in ["b", "a-1", "a", "a_1", "10"] {
        put(h, &sealed(&h.tenant, called, &sealer)).await;
    }
    assert_eq!(names(h, &h.tenant).await, ["10", "a", "a-1", "a_1", "b"]);
    let wanted = ["b", "10"].map(name);
    let given = h.store.find_sealed(&h.tenant, &wanted).await.unwrap();
    let given: Vec<_> = given.into_iter().map(|one| one.name).collect();
    assert_eq!(given, wanted);
}

pub async fn another_tenant_sees_replaces_and_deletes_no_credential(h: &mut Harness) {
    let (sealer, stranger) = (sealer(), h.stranger().await);
    let ours = sealed(&h.tenant, "github", &sealer);
    put(h, &ours).await;
    let github = name("github");
    let wanted = [github.clone()];
    assert_eq!(names(h, &stranger).await, Vec::<String>::new());
    let found = h.store.find_credential(&stranger, &github).await;
    assert_eq!(found.unwrap(), None);
    let given = h.store.find_sealed(&stranger, &wanted).await;
    assert_eq!(given.unwrap(), vec![]);
    let deleted = h.store.delete_credential(&stranger, &github).await;
    assert!(matches!(deleted, Err(StoreError::NotFound)), "{deleted:?}");
    let theirs = sealed(&stranger, "github", &sealer);
    let made = h.store.put_credential(theirs.clone(), MANY).await.unwrap();
    assert!(matches!(made, Put::Created(_)), "{made:?}");
    let given = h.store.find_sealed(&h.tenant, &wanted).await.unwrap();
    assert_eq!(given, vec![ours]);
    h.store.delete_credential(&h.tenant, &github).await.unwrap();
    let given = h.store.find_sealed(&stranger, &wanted).await.unwrap();
    assert_eq!(given, vec![theirs]);
}

pub async fn a_deleted_credential_is_gone_and_can_be_deleted_once(h: &mut Harness) {
    let sealer = sealer();
    for called in ["github", "gitlab"] {
        put(h, &sealed(&h.tenant, called, &sealer)).await;
    }
    let there = h.another_handle().await;
    let github = name("github");
    let (first, second) = tokio::join!(
        h.store.delete_credential(&h.tenant, &github),
        there.delete_credential(&h.tenant, &github)
    );
    let (gone, refused) = if first.is_ok() {
        (first, second)
    } else {
        (second, first)
    };
    gone.unwrap();
    assert!(matches!(refused, Err(StoreError::NotFound)), "{refused:?}");
    assert_eq!(names(h, &h.tenant).await, ["gitlab"]);
}

pub async fn a_tenant_has_no_more_credentials_than_it_may_have(h: &mut Harness) {
    const AT_MOST: u32 = 3;
    let (sealer, stranger) = (sealer(), h.stranger().await);
    let handles = [h.store.clone(), h.another_handle().await];
    // Some of them come together, from two processes.
    let putting = (0..8).map(|at| {
        let new = sealed(&h.tenant, &format!("s{at}"), &sealer);
        let store = handles[at % 2].clone();
        tokio::spawn(async move { store.put_credential(new, AT_MOST).await.unwrap() })
    });
    let putting: Vec<_> = putting.collect();
    let mut full = 0;
    for one in putting {
        full += usize::from(one.await.unwrap() == Put::Full);
    }
    assert_eq!(full, 5);
    let stored = names(h, &h.tenant).await;
    assert_eq!(stored.len(), 3);
    // What is there can be replaced, and others are not concerned.
    let again = sealed(&h.tenant, &stored[0], &sealer);
    let put = h.store.put_credential(again, AT_MOST).await.unwrap();
    assert!(matches!(put, Put::Replaced(_)), "{put:?}");
    let theirs = sealed(&stranger, "s9", &sealer);
    let put = h.store.put_credential(theirs, AT_MOST).await.unwrap();
    assert!(matches!(put, Put::Created(_)), "{put:?}");
    let first = name(&stored[0]);
    h.store.delete_credential(&h.tenant, &first).await.unwrap();
    let new = sealed(&h.tenant, "s9", &sealer);
    let put = h.store.put_credential(new, AT_MOST).await.unwrap();
    assert!(matches!(put, Put::Created(_)), "{put:?}");
}

pub async fn a_tenant_that_is_not_there_gets_no_credential(h: &mut Harness) {
    let nobody = TenantId::new(&*h.entropy);
    let put = h
        .store
        .put_credential(sealed(&nobody, "github", &sealer()), MANY)
        .await;
    assert!(matches!(put, Err(StoreError::NotFound)), "{put:?}");
}

pub async fn what_is_stored_holds_no_value_and_opens_with_its_key_alone(h: &mut Harness) {
    let sealer = sealer();
    put(h, &sealed(&h.tenant, "github", &sealer)).await;
    let rows = h.records().await.credentials;
    let [(tenant, called, stored)] = rows.as_slice() else {
        panic!("there is one row: {rows:?}");
    };
    assert_eq!(
        (tenant.as_str(), called.as_str()),
        (h.tenant.as_str(), "github")
    );
    let holds = |text: &str| {
        stored
            .windows(text.len())
            .any(|part| part == text.as_bytes())
    };
    assert!(stored.len() > VALUE.len() && !holds(VALUE));
    let given = h.store.find_sealed(&h.tenant, &[name("github")]).await;
    let given = given.unwrap().remove(0);
    assert_eq!(&given.sealed.0, stored);
    let opened = given.open(&sealer).unwrap();
    assert_eq!(opened.value.expose(), format!("key {VALUE}"));
    let with_another_key = given.open(&self::sealer());
    assert_eq!(with_another_key, Err(UnsealError));
}

pub async fn a_row_that_means_nothing_is_corrupt_until_it_is_replaced(h: &mut Harness) {
    let sealer = sealer();
    let new = sealed(&h.tenant, "github", &sealer);
    for (statement, expected) in [
        (
            "UPDATE credential SET hosts = '[\"https://evil.test\"]'",
            "hosts",
        ),
        ("UPDATE credential SET hosts = '[]'", "hosts"),
        ("UPDATE credential SET hosts = 'api.example.com'", "hosts"),
        ("UPDATE credential SET header = 'Host'", "header"),
        ("UPDATE credential SET format = 'Bearer'", "format"),
    ] {
        put(h, &new).await;
        if !h.spoil(statement).await {
            // What lies in memory is typed, and cannot be damaged so.
            return;
        }
        let corrupt = |error: StoreError| {
            let StoreError::Corrupt { table, column, row } = error else {
                panic!("{statement}: {error:?}");
            };
            (table, column, row)
        };
        let listed = h.store.list_credentials(&h.tenant).await;
        let given = h.store.find_sealed(&h.tenant, &[name("github")]).await;
        let place = ("credential", expected, "github".to_owned());
        assert_eq!(corrupt(listed.unwrap_err()), place);
        assert_eq!(corrupt(given.unwrap_err()), place);
    }
    put(h, &new).await;
    let given = h.store.find_sealed(&h.tenant, &[name("github")]).await;
    assert_eq!(given.unwrap(), vec![new]);
    // A host that could be meant is believed by the store, and not by the seal.
    h.spoil("UPDATE credential SET hosts = '[\"evil.test\"]'")
        .await;
    let given = h.store.find_sealed(&h.tenant, &[name("github")]).await;
    assert_eq!(given.unwrap()[0].open(&sealer), Err(UnsealError));
}
