//! How many invocations may be under way: of a function that has reserved some, and of all the others together.
//!
//! An account's concurrency in a region is divided. What functions have reserved is theirs alone, and so is what is
//! provisioned for the versions of functions that have reserved nothing; the rest is for what those run on demand. What
//! is provisioned for a function that has reserved some is part of that. Sources: AWS, "Understanding Lambda function
//! scaling", "Configuring reserved concurrency", "Configuring provisioned concurrency" (Lambda Developer Guide).

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use aws_wire::ServiceError;

use crate::{
    error,
    function::{record::Function, table::Entry},
    operations::provision::provisioned_for,
};

/// AWS's limit for an account in a region.
pub(crate) const ACCOUNT_CONCURRENCY: u32 = 1000;

/// The concurrency of an account in a region.
#[derive(Debug, Default)]
pub(crate) struct Account {
    /// What functions have set aside, reserved or provisioned.
    set_aside: AtomicU32,
    /// Invocations under way of what shares the rest.
    on_demand: AtomicU32,
    /// Held by whoever looks at what is free and sets it aside, so that nobody else takes it meanwhile.
    pub(crate) setting_aside: tokio::sync::Mutex<()>,
}

impl Account {
    /// Takes a function's record into account in place of the one before.
    pub(crate) fn replace(&self, before: Option<&Function>, after: Option<&Function>) {
        let (less, more) = (before.map_or(0, set_aside), after.map_or(0, set_aside));
        if less != more {
            // Both wrap, and so does their sum: what is taken away has been added before.
            self.set_aside.fetch_add(more.wrapping_sub(less), Ordering::AcqRel);
        }
    }

    /// What all functions but one have set aside.
    pub(crate) fn set_aside_beside(&self, own: &Function) -> u32 {
        self.set_aside.load(Ordering::Acquire).saturating_sub(set_aside(own))
    }
}

/// What a function keeps from all others.
fn set_aside(function: &Function) -> u32 {
    function.reserved_concurrency.unwrap_or_else(|| provisioned(function))
}

/// What all of a function's versions have provisioned.
fn provisioned(function: &Function) -> u32 {
    function.provisioned.values().fold(0, |sum, config| sum.saturating_add(config.requested))
}

/// A function's invocations under way.
#[derive(Debug, Default)]
pub(crate) struct UnderWay {
    on_demand: AtomicU32,
    /// Those that what is provisioned has room for, by version; one that has had some stays with none.
    provisioned: Mutex<HashMap<String, usize>>,
}

/// Counts an invocation as under way for as long as it is kept.
pub(crate) enum Slot<'a> {
    /// One of those that are provisioned for a version.
    Provisioned { under_way: &'a UnderWay, version: &'a str },
    /// On demand, in what the function has reserved.
    Reserved { function: &'a AtomicU32 },
    /// On demand, in what the account shares.
    Shared { function: &'a AtomicU32, account: &'a AtomicU32 },
}

impl<'a> Slot<'a> {
    /// Takes a slot for an invocation of a version.
    pub(crate) fn take(
        entry: &'a Entry,
        function: &Function,
        version: &'a str,
    ) -> Result<Self, ServiceError> {
        let under_way = &entry.under_way;
        if let Some(slot) = Self::provisioned(under_way, function, version) {
            return Ok(slot);
        }
        let of_function = under_way.on_demand.fetch_add(1, Ordering::AcqRel);
        if let Some(reserved) = function.reserved_concurrency {
            // It gives the count back when it is refused, too.
            let slot = Self::Reserved { function: &under_way.on_demand };
            if of_function >= reserved.saturating_sub(provisioned(function)) {
                return Err(error::throttled("ReservedFunctionConcurrentInvocationLimitExceeded"));
            }
            return Ok(slot);
        }
        let account = &*entry.account;
        let slot = Self::Shared { function: &under_way.on_demand, account: &account.on_demand };
        let of_account = account.on_demand.fetch_add(1, Ordering::AcqRel);
        let shared = ACCOUNT_CONCURRENCY.saturating_sub(account.set_aside.load(Ordering::Acquire));
        if of_account >= shared {
            return Err(error::throttled("ConcurrentInvocationLimitExceeded"));
        }
        Ok(slot)
    }

    /// One of what is provisioned for the version, if one is free.
    fn provisioned(under_way: &'a UnderWay, function: &Function, version: &'a str) -> Option<Self> {
        if function.provisioned.is_empty() {
            return None;
        }
        let most = provisioned_for(function, version);
        let mut taken = under_way.provisioned.lock().unwrap_or_else(PoisonError::into_inner);
        match taken.get_mut(version) {
            _ if most == 0 => return None,
            Some(of_version) if *of_version >= most => return None,
            Some(of_version) => *of_version += 1,
            None => {
                taken.insert(version.to_owned(), 1);
            }
        }
        Some(Self::Provisioned { under_way, version })
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        match self {
            Self::Provisioned { under_way, version } => {
                let mut taken = under_way.provisioned.lock().unwrap_or_else(PoisonError::into_inner);
                if let Some(of_version) = taken.get_mut(*version) {
                    *of_version = of_version.saturating_sub(1);
                }
            }
            Self::Reserved { function } => {
                function.fetch_sub(1, Ordering::AcqRel);
            }
            Self::Shared { function, account } => {
                function.fetch_sub(1, Ordering::AcqRel);
                account.fetch_sub(1, Ordering::AcqRel);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use runtime::{Scope, Timestamp};
    use serde_json::json;
    use store::Store;

    use super::*;
    use crate::function::{configure, record::ProvisionedConfig, table::FunctionTable};

    async fn function(table: &FunctionTable, account: &str, name: &str) -> std::sync::Arc<Entry> {
        let members = json!({"Runtime": "python3.12", "Handler": "index.handler", "Role": "r"});
        let configuration = configure::create(name, members.as_object().unwrap(), Timestamp(0)).unwrap();
        let scope = Scope::new(account, "us-east-1");
        table.insert(&scope, name, Function::new(configuration, [].into())).await.unwrap()
    }

    async fn reserve(table: &FunctionTable, entry: &Entry, many: Option<u32>) {
        let change = |function: &mut Function| {
            function.reserved_concurrency = many;
            Ok(())
        };
        table.update(entry, change).await.unwrap();
    }

    async fn provision(table: &FunctionTable, entry: &Entry, many: u32) {
        let config = ProvisionedConfig { requested: many, modified: String::new() };
        let change = |function: &mut Function| {
            function.provisioned.insert("1".to_owned(), config);
            Ok(())
        };
        table.update(entry, change).await.unwrap();
    }

    /// How many run at once, and why no more.
    fn most(entry: &Entry, version: &str) -> (usize, String) {
        let function = entry.function();
        let mut slots = Vec::new();
        loop {
            match Slot::take(entry, &function, version) {
                Ok(slot) => slots.push(slot),
                Err(refused) => return (slots.len(), refused.fields["Reason"].as_str().unwrap().to_owned()),
            }
        }
    }

    const OF_ACCOUNT: &str = "ConcurrentInvocationLimitExceeded";
    const OF_FUNCTION: &str = "ReservedFunctionConcurrentInvocationLimitExceeded";

    #[tokio::test]
    async fn nobody_takes_what_others_have_set_aside() {
        let table = FunctionTable::load(Store::memory()).unwrap();
        let (free, reserved) = (function(&table, "1", "free").await, function(&table, "1", "reserved").await);
        let provisioned = function(&table, "1", "provisioned").await;
        let elsewhere = function(&table, "2", "elsewhere").await;
        assert_eq!(most(&free, "$LATEST"), (1000, OF_ACCOUNT.to_owned()));
        reserve(&table, &reserved, Some(600)).await;
        provision(&table, &provisioned, 300).await;
        assert_eq!(most(&free, "$LATEST"), (100, OF_ACCOUNT.to_owned()));
        assert_eq!(most(&reserved, "$LATEST"), (600, OF_FUNCTION.to_owned()));
        // What is provisioned comes to what all share, for its version alone.
        assert_eq!(most(&provisioned, "1"), (400, OF_ACCOUNT.to_owned()));
        assert_eq!(most(&provisioned, "2"), (100, OF_ACCOUNT.to_owned()));
        assert_eq!(most(&elsewhere, "$LATEST"), (1000, OF_ACCOUNT.to_owned()));
        // What shares the rest shares it with all others.
        let function = free.function();
        let slots: Vec<_> = (0..60).map(|_| Slot::take(&free, &function, "$LATEST").ok().unwrap()).collect();
        assert_eq!(most(&provisioned, "$LATEST").0, 40);
        drop(slots);
        reserve(&table, &reserved, None).await;
        table.remove(&provisioned).await.unwrap();
        assert_eq!(most(&free, "$LATEST").0, 1000);
    }

    #[tokio::test]
    async fn what_a_function_has_provisioned_is_part_of_what_it_has_reserved() {
        let store = Store::memory();
        let table = FunctionTable::load(store.clone()).unwrap();
        let entry = function(&table, "1", "f").await;
        reserve(&table, &entry, Some(10)).await;
        provision(&table, &entry, 7).await;
        assert_eq!(most(&entry, "$LATEST"), (3, OF_FUNCTION.to_owned()));
        assert_eq!(most(&entry, "1"), (10, OF_FUNCTION.to_owned()));
        let other = function(&table, "1", "other").await;
        assert_eq!(most(&other, "$LATEST").0, 990);
        // It is known again after a restart.
        let again = FunctionTable::load(store).unwrap();
        let other = again.get(&Scope::new("1", "us-east-1"), "other").unwrap();
        assert_eq!(most(&other, "$LATEST").0, 990);
    }
}
