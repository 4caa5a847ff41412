//! What a ledger remembers, found by the place of a file.

use std::collections::HashMap;

use capkeep_storage::BlobName;

use crate::facts::Facts;
use crate::place::{Place, fold, fold_account};

/// What a ledger remembers of captures, found by the place of their files.
#[derive(Debug, Default)]
pub struct Memory(HashMap<String, Vec<(Vec<String>, Facts)>>);

impl Memory {
    /// Remembers what is known of the file at the URL `storage_path`, in the account of the ARM id `storage_id`. What was
    /// added first counts.
    pub fn add(&mut self, storage_path: &str, storage_id: Option<&str>, facts: &Facts) {
        let place = Place::of(storage_path, storage_id);
        for key in place.keys {
            self.0.entry(key).or_default().push((place.accounts.clone(), facts.clone()));
        }
    }

    /// What is remembered of a file in an account.
    pub fn of(&self, account: &str, name: &BlobName) -> Option<&Facts> {
        if self.0.is_empty() {
            return None;
        }
        let found = self.0.get(&fold(&format!("{}/{}", name.container, name.name)))?;
        let account = fold_account(account);
        found.iter().find(|(accounts, _)| accounts.contains(&account)).map(|(_, facts)| facts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_remembered_by_its_place_and_the_first_word_counts() {
        let mut memory = Memory::default();
        let named = |name: &str| Facts { name: Some(name.into()), ..Facts::default() };
        memory.add("https://sa1.blob.core.windows.net/Own/A.cap", None, &named("new"));
        memory.add("https://sa1.blob.core.windows.net/own/a.cap", None, &named("old"));
        let name = BlobName::new("own", "a.cap");
        assert_eq!(memory.of("SA1", &name), Some(&named("new")));
        assert_eq!(memory.of("sa2", &name), None);
        assert_eq!(memory.of("sa1", &BlobName::new("own", "b.cap")), None);
    }
}
