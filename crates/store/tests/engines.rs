//! Both engines do the same, and a folder keeps what it was given.

#![expect(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use store::{Batch, Key, Store, StoreError, Table};

const ROWS: Table = Table("test.rows");

fn key(text: &str) -> Key {
    Key::new().text(text)
}

async fn exercise(store: &Store) {
    let mut batch = Batch::new();
    for name in ["a", "b", "c"] {
        batch.put(ROWS, key(name).number(1), name).put(ROWS, key(name).number(2), name);
    }
    store.commit(batch).await.unwrap();
    let mut batch = Batch::new();
    batch.delete(ROWS, key("a").number(1)).delete_prefix(ROWS, key("b"));
    store.commit(batch).await.unwrap();
}

fn look(store: &Store) -> Vec<Vec<u8>> {
    assert_eq!(store.get(ROWS, &key("c").number(2)).unwrap().unwrap(), "c");
    assert_eq!(store.get(ROWS, &key("b").number(1)).unwrap(), None);
    assert_eq!(store.get(Table("test.none"), &key("b")).unwrap(), None);
    let keys = |rows: Vec<(bytes::Bytes, bytes::Bytes)>| {
        rows.into_iter().map(|(key, _)| key.to_vec()).collect::<Vec<_>>()
    };
    let forwards = keys(store.scan(ROWS, &Key::new(), None, 10).unwrap());
    let mut backwards = keys(store.scan_backwards(ROWS, &Key::new(), None, 10).unwrap());
    backwards.reverse();
    assert_eq!(forwards, backwards);
    let after = store.scan(ROWS, &Key::new(), Some(&forwards[0]), 1).unwrap();
    assert_eq!(after[0].0, forwards[1]);
    let before = store.scan_backwards(ROWS, &Key::new(), Some(&forwards[1]), 10).unwrap();
    assert_eq!(before[0].0, forwards[0]);
    assert!(store.scan(ROWS, &key("a"), Some(key("z").as_bytes()), 10).unwrap().is_empty());
    forwards
}

#[tokio::test]
async fn memory_and_disk_agree() {
    let folder = tempfile::tempdir().unwrap();
    let (memory, disk) = (Store::memory(), Store::open(folder.path()).unwrap());
    exercise(&memory).await;
    exercise(&disk).await;
    let seen = look(&disk);
    assert_eq!(seen, look(&memory));
    let blob = disk.blobs().put("archive".into()).await.unwrap();
    drop(disk);
    std::fs::write(folder.path().join("blobs/left.tmp"), "half").unwrap();
    let reopened = Store::open(folder.path()).unwrap();
    assert_eq!(seen, look(&reopened));
    assert_eq!(reopened.blobs().get(&blob).await.unwrap(), "archive");
    assert!(!folder.path().join("blobs/left.tmp").exists());
    for store in [memory, reopened] {
        store.clear().await.unwrap();
        assert!(store.scan(ROWS, &Key::new(), None, 10).unwrap().is_empty());
        assert!(store.blobs().get(&blob).await.is_err());
        exercise(&store).await;
        assert_eq!(seen, look(&store));
    }
}

#[tokio::test]
async fn a_folder_has_one_owner_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let first = Store::open(folder.path()).unwrap();
    let second = Store::open(folder.path()).unwrap_err();
    assert!(matches!(second, StoreError::InUse { .. }), "{second}");
    drop(first);
    Store::open(folder.path()).unwrap();
}

#[test]
fn a_folder_of_a_newer_format_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    drop(Store::open(folder.path()).unwrap());
    let database = redb::Database::open(folder.path().join("tule.redb")).unwrap();
    let transaction = database.begin_write().unwrap();
    transaction
        .open_table(redb::TableDefinition::<&str, u32>::new("tule.meta"))
        .unwrap()
        .insert("format", 99)
        .unwrap();
    transaction.commit().unwrap();
    drop(database);
    let error = Store::open(folder.path()).unwrap_err();
    assert!(matches!(error, StoreError::NewerFormat { found: 99, .. }), "{error}");
}

#[tokio::test]
async fn streams_become_blobs_within_their_limit() {
    let folder = tempfile::tempdir().unwrap();
    for store in [Store::memory(), Store::open(folder.path()).unwrap()] {
        let chunks =
            || futures::stream::iter([Ok("ab".into()), Ok::<bytes::Bytes, std::io::Error>("cd".into())]);
        let mut seen = 0;
        let (blob, length) =
            store.blobs().put_stream(chunks(), 4, |chunk| seen += chunk.len()).await.unwrap();
        assert_eq!((store.blobs().get(&blob).await.unwrap(), length, seen), ("abcd".into(), 4, 4));
        let part = store.blobs().open(&blob).await.unwrap().stream(1, 3);
        let part: Vec<bytes::Bytes> = futures::TryStreamExt::try_collect(part).await.unwrap();
        assert_eq!(part.concat(), b"bc");
        let beyond = store.blobs().open(&blob).await.unwrap().stream(1, 5);
        assert!(futures::TryStreamExt::try_collect::<Vec<_>>(beyond).await.is_err());
        let error = store.blobs().put_stream(chunks(), 3, |_| {}).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::FileTooLarge);
    }
    assert_eq!(
        std::fs::read_dir(folder.path().join("blobs")).unwrap().count(),
        1,
        "the refused one leaves nothing"
    );
}
