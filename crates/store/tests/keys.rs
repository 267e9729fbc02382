//! Keys sort as their parts do and come apart into what they were made of; scans keep to their prefix.

use proptest::prelude::*;
use store::{Batch, Key, Store, Table};

const ROWS: Table = Table("test.rows");

/// Texts that are near each other, with the bytes that escaping is about.
fn text() -> impl Strategy<Value = String> {
    "[ab\u{0}\u{1}\u{ff}\u{7f}/]{0,4}"
}

fn key(texts: &(String, String), number: u64) -> Key {
    Key::new().text(&texts.0).text(&texts.1).number(number)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn keys_sort_as_their_parts_and_come_apart(one in (text(), text()), other in (text(), text()), number: u64, another: u64) {
        let (first, second) = (key(&one, number), key(&other, another));
        prop_assert_eq!(first.cmp(&second), (&one, number).cmp(&(&other, another)));
        let (texts, rest) = Key::texts(first.as_bytes(), 2).unwrap();
        prop_assert_eq!((&texts[0], &texts[1]), (&one.0, &one.1));
        prop_assert_eq!(rest, number.to_be_bytes());
    }

    #[test]
    fn any_bytes_come_apart_or_are_refused(bytes in prop::collection::vec(prop_oneof![Just(0_u8), Just(1), Just(255), any::<u8>()], 0..20), count in 0..4_usize) {
        if let Some((texts, rest)) = Key::texts(&bytes, count) {
            let key = texts.iter().fold(Key::new(), |key, text| key.text(text));
            prop_assert_eq!([key.as_bytes(), rest].concat(), bytes);
        }
    }

    #[test]
    fn scans_give_what_begins_so_from_where_they_are_told(
        rows in prop::collection::btree_set((text(), text()), 0..12), prefix in text(), position in prop::option::of((text(), text())), limit in 0..6_usize,
    ) {
        let store = Store::memory();
        let mut batch = Batch::new();
        for row in &rows {
            batch.put(ROWS, Key::new().text(&row.0).text(&row.1), "x");
        }
        // In memory the batch is visible at once.
        drop(store.commit(batch));
        let position = position.map(|(one, other)| Key::new().text(&one).text(&other));
        let bytes = position.as_ref().map(Key::as_bytes);
        let begins = Key::new().beginning(&prefix);
        let all: Vec<Vec<u8>> = rows.iter().filter(|row| row.0.starts_with(&prefix)).map(|row| Key::new().text(&row.0).text(&row.1).as_bytes().to_vec()).collect();
        let expected: Vec<_> = all.iter().filter(|key| bytes.is_none_or(|after| key.as_slice() > after)).take(limit).cloned().collect();
        let found: Vec<_> = store.scan(ROWS, &begins, bytes, limit).unwrap().into_iter().map(|(key, _)| key.to_vec()).collect();
        prop_assert_eq!(found, expected);
        let expected: Vec<_> = all.iter().rev().filter(|key| bytes.is_none_or(|before| key.as_slice() < before)).take(limit).cloned().collect();
        let found: Vec<_> = store.scan_backwards(ROWS, &begins, bytes, limit).unwrap().into_iter().map(|(key, _)| key.to_vec()).collect();
        prop_assert_eq!(found, expected);
    }
}
