//! The power is cut at every write, and again inside of recovery: every image opens, and nothing acknowledged is lost.
//!
//! The backend keeps what was synced apart from what was only written. A cut keeps the synced bytes, a random subset
//! of the writes since, and tears the last of them at a sector's border.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex},
};

use redb::StorageBackend;
use store::{Batch, Key, Store, Table};

const ROWS: Table = Table("test.rows");
const SECTOR: usize = 512;

/// A small generator of numbers: the seed makes a run repeatable.
#[derive(Clone)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit.max(1) as u64).unwrap()
    }
}

#[derive(Debug, Clone)]
enum Change {
    Write(u64, Vec<u8>),
    Length(u64),
}

#[derive(Debug, Default)]
struct Medium {
    /// What a reader sees now.
    seen: Vec<u8>,
    /// What survives any cut.
    synced: Vec<u8>,
    /// What has been done since the last sync.
    pending: Vec<Change>,
    /// Changes and syncs so far.
    steps: usize,
    /// The step at which the power goes.
    cut_at: usize,
}

#[derive(Debug, Clone, Default)]
struct Disk(Arc<Mutex<Medium>>);

fn off() -> io::Error {
    io::Error::other("the power is off")
}

impl Disk {
    fn holding(image: Vec<u8>, cut_at: usize) -> Self {
        let medium = Medium { seen: image.clone(), synced: image, cut_at, ..Medium::default() };
        Self(Arc::new(Mutex::new(medium)))
    }

    fn change(&self, change: Change) -> io::Result<()> {
        let mut medium = self.0.lock().unwrap();
        medium.steps += 1;
        if medium.steps > medium.cut_at {
            return Err(off());
        }
        apply(&mut medium.seen, &change, None);
        medium.pending.push(change);
        Ok(())
    }

    /// The image a power cut leaves.
    fn after_cut(&self, random: &mut Random) -> Vec<u8> {
        let medium = self.0.lock().unwrap();
        let mut image = medium.synced.clone();
        let last = medium.pending.len();
        for (at, change) in medium.pending.iter().enumerate() {
            if random.below(2) == 0 {
                let torn = (at + 1 == last).then(|| random.below(64));
                apply(&mut image, change, torn);
            }
        }
        image
    }

    fn steps(&self) -> usize {
        self.0.lock().unwrap().steps
    }
}

fn apply(image: &mut Vec<u8>, change: &Change, torn_sectors: Option<usize>) {
    match change {
        Change::Length(length) => image.resize(usize::try_from(*length).unwrap(), 0),
        Change::Write(offset, bytes) => {
            let kept = torn_sectors.map_or(bytes.len(), |sectors| bytes.len().min(sectors * SECTOR));
            let from = usize::try_from(*offset).unwrap();
            if image.len() < from + kept {
                image.resize(from + kept, 0);
            }
            image[from..from + kept].copy_from_slice(&bytes[..kept]);
        }
    }
}

impl StorageBackend for Disk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let medium = self.0.lock().unwrap();
        let from = usize::try_from(offset).unwrap();
        let bytes = medium.seen.get(from..from + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(bytes);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.change(Change::Length(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut medium = self.0.lock().unwrap();
        medium.steps += 1;
        if medium.steps > medium.cut_at {
            return Err(off());
        }
        medium.synced = medium.seen.clone();
        medium.pending.clear();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.change(Change::Write(offset, data.to_vec()))
    }
}

type Rows = BTreeMap<u64, Vec<u8>>;

/// Writes batches until the power goes or they are all written. Gives what was acknowledged, and what was being
/// written when the power went.
async fn work(store: &Store, mut rows: Rows, random: &mut Random) -> (Rows, Option<Rows>) {
    for _ in 0..12 {
        let mut next = rows.clone();
        let mut batch = Batch::new();
        for _ in 0..=random.below(6) {
            let key = random.below(40) as u64;
            if random.below(4) == 0 {
                batch.delete(ROWS, Key::new().number(key));
                next.remove(&key);
            } else {
                let value = vec![u8::try_from(random.below(256)).unwrap(); random.below(3_000)];
                batch.put(ROWS, Key::new().number(key), value.clone());
                next.insert(key, value);
            }
        }
        if store.commit(batch).await.is_err() {
            return (rows, Some(next));
        }
        rows = next;
    }
    (rows, None)
}

fn read(store: &Store) -> Rows {
    let rows = store.scan(ROWS, &Key::new(), None, usize::MAX).unwrap();
    rows.into_iter()
        .map(|(key, value)| (u64::from_be_bytes(key[..].try_into().unwrap()), value.to_vec()))
        .collect()
}

/// An empty store's image: every run begins from it.
fn fresh() -> Vec<u8> {
    let disk = Disk::holding(Vec::new(), usize::MAX);
    drop(Store::open_backend(disk.clone()).unwrap());
    disk.after_cut(&mut Random(0))
}

/// How many runs of work are cut; `TULE_CRASH_SEEDS` asks for more before a release.
fn seeds() -> u64 {
    std::env::var("TULE_CRASH_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(2)
}

/// How many steps an uncut run of `seed` takes.
async fn steps_of(image: &[u8], seed: u64) -> usize {
    let disk = Disk::holding(image.to_vec(), usize::MAX);
    let store = Store::open_backend(disk.clone()).unwrap();
    work(&store, Rows::new(), &mut Random(seed)).await;
    disk.steps()
}

#[tokio::test]
async fn a_cut_at_any_write_loses_nothing_acknowledged() {
    let image = fresh();
    let mut cuts_during_work = 0;
    for seed in 0..seeds() {
        for cut_at in 0..=steps_of(&image, seed).await {
            let disk = Disk::holding(image.clone(), cut_at);
            let mut random = Random(seed);
            let (acknowledged, under_way) = match Store::open_backend(disk.clone()) {
                Ok(store) => work(&store, Rows::new(), &mut random).await,
                Err(_) => (Rows::new(), None),
            };
            cuts_during_work += usize::from(under_way.is_some());
            recover(
                &disk,
                &acknowledged,
                under_way.as_ref(),
                &mut Random(seed ^ cut_at as u64),
                (seed, cut_at),
            );
        }
    }
    assert!(cuts_during_work > 50, "only {cuts_during_work} cuts hit a commit; the test proves too little");
}

/// Opens what a cut left, cutting the power again at every step of the recovery, and looks at the rows.
fn recover(
    disk: &Disk,
    acknowledged: &Rows,
    under_way: Option<&Rows>,
    random: &mut Random,
    at: (u64, usize),
) {
    let mut image = disk.after_cut(random);
    for second_cut in 0..40 {
        let again = Disk::holding(image.clone(), second_cut);
        if Store::open_backend(again.clone()).is_ok() {
            break;
        }
        image = again.after_cut(random);
    }
    let opened = Store::open_backend(Disk::holding(image, usize::MAX));
    let store =
        opened.unwrap_or_else(|error| panic!("seed and cut {at:?}: the image does not open: {error}"));
    let found = read(&store);
    assert!(
        found == *acknowledged || Some(&found) == under_way,
        "seed and cut {at:?}: acknowledged rows are lost"
    );
}

#[tokio::test]
async fn after_a_failed_write_nothing_more_is_acknowledged() {
    let image = fresh();
    let disk = Disk::holding(image, usize::MAX);
    let store = Store::open_backend(disk.clone()).unwrap();
    let put = |key: u64| {
        let mut batch = Batch::new();
        batch.put(ROWS, Key::new().number(key), vec![1]);
        store.commit(batch)
    };
    put(1).await.unwrap();
    let steps = disk.steps();
    disk.0.lock().unwrap().cut_at = steps;
    assert!(put(2).await.is_err());
    disk.0.lock().unwrap().cut_at = usize::MAX;
    assert!(put(3).await.is_err(), "a store that failed once must not pretend to work again");
    assert!(put(4).await.is_err());
}
