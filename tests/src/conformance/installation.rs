//! What a database knows of the blob store and the sealing key that belong to it.

use agent_core::delivery::NewWebhook;
use agent_core::id::{BlobStoreId, InstallationId, WebhookId};
use agent_core::installation::Installation;
use agent_core::ports::installation::Keepsakes;
use agent_core::secret::Sealed;

use crate::harness::Harness;
use crate::samples;

fn new_installation(h: &Harness) -> Installation {
    Installation {
        id: InstallationId::new(&*h.entropy),
        sealed: Sealed(vec![0, 255, 7]),
        blob_store: None,
    }
}

pub async fn of_processes_that_start_together_one_decides_what_all_find(h: &mut Harness) {
    assert_eq!(h.store.find_installation().await.unwrap(), None);
    let there = h.another_handle().await;
    let new: Vec<Installation> = (0..8).map(|_| new_installation(h)).collect();
    let starting = new.iter().enumerate().map(|(at, one)| {
        let (store, one) = (if at % 2 == 0 { &h.store } else { &there }, one.clone());
        let store = store.clone();
        tokio::spawn(async move { store.ensure_installation(&one).await.unwrap() })
    });
    let starting: Vec<_> = starting.collect();
    let mut stored = Vec::new();
    for one in starting {
        stored.push(one.await.unwrap());
    }
    assert!(new.contains(&stored[0]));
    assert!(stored.iter().all(|one| *one == stored[0]), "{stored:?}");
    h.reopen().await;
    let found = h.store.find_installation().await.unwrap();
    assert_eq!(found.as_ref(), Some(&stored[0]));
}

pub async fn a_database_gets_one_blob_store_and_keeps_it(h: &mut Harness) {
    let new = new_installation(h);
    h.store.ensure_installation(&new).await.unwrap();
    let there = h.another_handle().await;
    let (a, b) = (BlobStoreId::new(&*h.entropy), BlobStoreId::new(&*h.entropy));
    let (first, second) = tokio::join!(h.store.settle_blob_store(&a), there.settle_blob_store(&b));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first, second);
    let settled = first.blob_store.clone().unwrap();
    assert!([a, b].contains(&settled));
    let expected = Installation {
        blob_store: Some(settled),
        ..new
    };
    assert_eq!(h.store.find_installation().await.unwrap(), Some(expected));
}

pub async fn what_a_database_knows_can_be_replaced(h: &mut Harness) {
    let whole = |h: &Harness| Installation {
        blob_store: Some(BlobStoreId::new(&*h.entropy)),
        ..new_installation(h)
    };
    for new in [whole(h), whole(h)] {
        h.store.replace_installation(&new).await.unwrap();
        assert_eq!(h.store.find_installation().await.unwrap(), Some(new));
    }
}

pub async fn the_newest_secret_and_blobs_are_there_to_try_key_and_blob_store_by(h: &mut Harness) {
    let nothing = h.store.keepsakes(3).await.unwrap();
    assert_eq!(nothing, Keepsakes::default());
    let mut newest = None;
    for at in 0..3_u8 {
        let mut task = h.new_task();
        let id = WebhookId::new(&*h.entropy);
        let secret = Sealed(vec![at, 0, 255]);
        task.webhook = Some(NewWebhook {
            id: id.clone(),
            url: "https://example.org".to_owned(),
            secret: secret.clone(),
        });
        task.blobs = vec![samples::blob(&format!("blob {at}"))];
        newest = Some((id, secret));
        h.submit(task).await;
    }
    let blobs = ["blob 2", "blob 1"].map(|text| (h.tenant.clone(), samples::blob(text).hash));
    let expected = Keepsakes {
        secret: newest,
        blobs: blobs.to_vec(),
    };
    assert_eq!(h.store.keepsakes(2).await.unwrap(), expected);
}
