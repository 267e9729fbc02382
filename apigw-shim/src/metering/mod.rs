//! API keys, usage plans, and what of them has been used.
//!
//! Records are in collections of the store, newest first as AWS lists them; indexes beside them find a key by what a
//! request carries. Rates are held in memory. What counts towards a quota is written behind the request, many counts at
//! once: AWS counts loosely too.

pub(crate) mod limits;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use dashmap::DashMap;
use runtime::{Scope, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Collection, Key, Store, StoreError, Table};

use crate::{apis::scope_key, rest_api::record::Texts};
use limits::{Bucket, day_of, window};

const VERSION: u32 = 1;
const KEYS: Table = Table("apigateway.apikeys");
const PLANS: Table = Table("apigateway.usageplans");
const PLAN_KEYS: Table = Table("apigateway.usageplankeys");
const USAGE: Table = Table("apigateway.usage");

/// A key that clients send.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ApiKey {
    pub sequence: u64,
    pub id: String,
    pub value: String,
    pub name: Option<String>,
    pub description: Option<String>,
    pub customer_id: Option<String>,
    pub enabled: bool,
    pub created_date: f64,
    pub last_updated_date: f64,
    /// `API/STAGE`, from before there were usage plans.
    pub stage_keys: Vec<String>,
    pub tags: Texts,
}

/// How much of which stages the keys of a plan may use.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UsagePlan {
    pub sequence: u64,
    pub id: String,
    pub name: String,
    pub description: Option<String>,
    pub api_stages: Vec<ApiStage>,
    pub throttle: Option<Throttle>,
    pub quota: Option<Quota>,
    pub product_code: Option<String>,
    pub tags: Texts,
}

/// A stage of a plan.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ApiStage {
    pub api_id: String,
    pub stage: String,
    /// Of single methods: `/path/GET`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub throttle: BTreeMap<String, Throttle>,
}

/// Requests a second, and how many at once.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Throttle {
    #[serde(default)]
    pub burst_limit: i64,
    #[serde(default)]
    pub rate_limit: f64,
}

/// Requests in a DAY, WEEK or MONTH.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Quota {
    #[serde(default)]
    pub limit: i64,
    #[serde(default)]
    pub offset: i64,
    #[serde(default)]
    pub period: String,
}

/// A key of a plan.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PlanKey {
    pub sequence: u64,
    pub plan: String,
    pub key: String,
}

/// What a key has used of a plan, by days since the epoch.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Used {
    pub days: BTreeMap<i64, i64>,
    /// The first day of the window for which more or less than the plan's limit is allowed, and how much.
    pub granted: Option<(i64, i64)>,
}

impl Used {
    /// How many are left in the window of a day.
    pub fn remaining(&self, quota: &Quota, day: i64) -> i64 {
        let start = window(quota, day);
        let used: i64 = self.days.range(start..=day).map(|(_, count)| count).sum();
        let granted = self.granted.filter(|(from, _)| *from == start).map_or(0, |(_, more)| more);
        quota.limit + granted - used
    }
}

/// Why a key does not let a request in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    NoKey,
    Throttled,
    QuotaExceeded,
}

/// All keys and plans.
pub(crate) struct Metering {
    pub keys: Collection<ApiKey>,
    pub plans: Collection<UsagePlan>,
    pub plan_keys: Collection<PlanKey>,
    used: Collection<Used>,
    /// The keys of records by ids, which are unique everywhere.
    key_places: DashMap<String, Key>,
    plan_places: DashMap<String, Key>,
    /// Ids of keys by `ACCOUNT/REGION/VALUE`.
    values: DashMap<String, String>,
    /// Plans of each key.
    plans_of: DashMap<String, Vec<String>>,
    buckets: DashMap<String, Mutex<Bucket>>,
    counts: DashMap<String, Arc<Counter>>,
}

/// What is used, and whether somebody is writing it down.
#[derive(Default)]
struct Counter {
    used: Mutex<Used>,
    writing: Mutex<Writing>,
}

#[derive(Default, PartialEq, Eq, Clone, Copy)]
enum Writing {
    #[default]
    Idle,
    Busy,
    /// There is more to write when that is done.
    Again,
}

/// Newest first.
pub(crate) fn place(scope: &Scope, sequence: u64) -> Key {
    scope_key(scope).number(u64::MAX - sequence)
}

fn value_key(scope: &Scope, value: &str) -> String {
    format!("{}/{}/{value}", scope.account, scope.region)
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Metering {
    /// Loads what the store holds; with it the highest sequence number there is.
    pub fn load(store: &Store) -> Result<(Self, u64), StoreError> {
        let metering = Self {
            keys: Collection::load(store, KEYS, VERSION)?,
            plans: Collection::load(store, PLANS, VERSION)?,
            plan_keys: Collection::load(store, PLAN_KEYS, VERSION)?,
            used: Collection::load(store, USAGE, VERSION)?,
            key_places: DashMap::new(),
            plan_places: DashMap::new(),
            values: DashMap::new(),
            plans_of: DashMap::new(),
            buckets: DashMap::new(),
            counts: DashMap::new(),
        };
        let mut last = 0;
        for (key, _) in store.scan(KEYS, &Key::new(), None, usize::MAX)? {
            let Some((scope, record)) = scoped(&key).and_then(|(scope, at)| {
                Some((scope.clone(), metering.keys.get(&scope_key(&scope).number(at))?))
            }) else {
                continue;
            };
            last = last.max(record.sequence);
            metering.index_key(&scope, &record);
        }
        for (key, _) in store.scan(PLANS, &Key::new(), None, usize::MAX)? {
            let Some((scope, at)) = scoped(&key) else { continue };
            let place = scope_key(&scope).number(at);
            if let Some(plan) = metering.plans.get(&place) {
                last = last.max(plan.sequence);
                metering.plan_places.insert(plan.id.clone(), place);
            }
        }
        for record in metering.plan_keys.page(&Key::new(), None, usize::MAX) {
            last = last.max(record.sequence);
            metering.plans_of.entry(record.key.clone()).or_default().push(record.plan.clone());
        }
        Ok((metering, last))
    }

    fn index_key(&self, scope: &Scope, key: &ApiKey) {
        self.key_places.insert(key.id.clone(), place(scope, key.sequence));
        self.values.insert(value_key(scope, &key.value), key.id.clone());
    }

    /// The key of that id, in its account and region.
    pub fn key(&self, scope: &Scope, id: &str) -> Option<Arc<ApiKey>> {
        let place = self.key_places.get(id)?.clone();
        self.keys.get(&place).filter(|key| self::place(scope, key.sequence) == place)
    }

    pub fn has_value(&self, scope: &Scope, value: &str) -> bool {
        self.values.contains_key(&value_key(scope, value))
    }

    pub fn plan(&self, scope: &Scope, id: &str) -> Option<Arc<UsagePlan>> {
        let place = self.plan_places.get(id)?.clone();
        self.plans.get(&place).filter(|plan| self::place(scope, plan.sequence) == place)
    }

    pub async fn put_key(&self, scope: &Scope, key: ApiKey) -> Result<Arc<ApiKey>, StoreError> {
        let key = self.keys.put(place(scope, key.sequence), key).await?;
        self.index_key(scope, &key);
        Ok(key)
    }

    pub async fn remove_key(&self, scope: &Scope, key: &ApiKey) -> Result<(), StoreError> {
        for plan in self.plans_of.get(&key.id).map(|plans| plans.clone()).unwrap_or_default() {
            self.remove_plan_key(&plan, &key.id).await?;
        }
        self.keys.remove(&place(scope, key.sequence)).await?;
        self.values.remove(&value_key(scope, &key.value));
        self.key_places.remove(&key.id);
        Ok(())
    }

    pub async fn put_plan(&self, scope: &Scope, plan: UsagePlan) -> Result<Arc<UsagePlan>, StoreError> {
        let place = place(scope, plan.sequence);
        let plan = self.plans.put(place.clone(), plan).await?;
        self.plan_places.insert(plan.id.clone(), place);
        // Rates begin anew with what they are now.
        self.buckets.retain(|name, _| !name.starts_with(&format!("{}/", plan.id)));
        Ok(plan)
    }

    pub async fn remove_plan(&self, scope: &Scope, plan: &UsagePlan) -> Result<(), StoreError> {
        for key in self.plan_keys.page(&Key::new().text(&plan.id), None, usize::MAX) {
            self.remove_plan_key(&plan.id, &key.key).await?;
        }
        self.plans.remove(&place(scope, plan.sequence)).await?;
        self.plan_places.remove(&plan.id);
        Ok(())
    }

    pub async fn put_plan_key(&self, plan: &str, key: &str, sequence: u64) -> Result<(), StoreError> {
        let record = PlanKey { sequence, plan: plan.to_owned(), key: key.to_owned() };
        self.plan_keys.put(Key::new().text(plan).number(u64::MAX - sequence), record).await?;
        self.plans_of.entry(key.to_owned()).or_default().push(plan.to_owned());
        Ok(())
    }

    /// The key's place in a plan.
    pub fn plan_key(&self, plan: &str, key: &str) -> Option<Arc<PlanKey>> {
        if !self.plans_of.get(key)?.iter().any(|known| known == plan) {
            return None;
        }
        let all = self.plan_keys.page(&Key::new().text(plan), None, usize::MAX);
        all.into_iter().find(|record| record.key == key)
    }

    pub async fn remove_plan_key(&self, plan: &str, key: &str) -> Result<bool, StoreError> {
        let Some(record) = self.plan_key(plan, key) else { return Ok(false) };
        self.plan_keys.remove(&Key::new().text(plan).number(u64::MAX - record.sequence)).await?;
        if let Some(mut plans) = self.plans_of.get_mut(key) {
            plans.retain(|known| known != plan);
        }
        Ok(true)
    }

    /// The plans of a key.
    pub fn plans_of(&self, key: &str) -> Vec<String> {
        self.plans_of.get(key).map(|plans| plans.clone()).unwrap_or_default()
    }

    /// Lets a request in by the key it carries, and counts it.
    pub fn admit(
        self: &Arc<Self>,
        scope: &Scope,
        (api, stage): (&str, &str),
        method: &str,
        value: &str,
        now: Timestamp,
    ) -> Result<Arc<ApiKey>, Refusal> {
        let id = self.values.get(&value_key(scope, value)).map(|id| id.clone()).ok_or(Refusal::NoKey)?;
        let key = self.key(scope, &id).filter(|key| key.enabled).ok_or(Refusal::NoKey)?;
        let of_stage = |plan: &Arc<UsagePlan>| {
            plan.api_stages.iter().position(|known| known.api_id == api && known.stage == stage)
        };
        let mut plans = self.plans_of(&id).into_iter().filter_map(|plan| self.plan(scope, &plan));
        let Some((plan, at)) = plans.find_map(|plan| of_stage(&plan).map(|at| (plan, at))) else {
            let old = key.stage_keys.iter().any(|known| known.split_once('/') == Some((api, stage)));
            return if old { Ok(key) } else { Err(Refusal::NoKey) };
        };
        let of_method = plan.api_stages[at].throttle.get(method);
        let (throttle, name) = match of_method {
            Some(throttle) => (Some(*throttle), format!("{}/{id}/{api}/{stage}{method}", plan.id)),
            None => (plan.throttle, format!("{}/{id}", plan.id)),
        };
        if let Some(throttle) = throttle {
            let bucket = self.buckets.entry(name).or_insert_with(|| Mutex::new(Bucket::full(throttle, now)));
            if !lock(&bucket).take(throttle, now) {
                return Err(Refusal::Throttled);
            }
        }
        self.count(&plan, &id, now)?;
        Ok(key)
    }

    fn count(self: &Arc<Self>, plan: &UsagePlan, key: &str, now: Timestamp) -> Result<(), Refusal> {
        let counter = self.counter(&plan.id, key);
        let day = day_of(now);
        {
            let mut used = lock(&counter.used);
            if plan.quota.as_ref().is_some_and(|quota| used.remaining(quota, day) <= 0) {
                return Err(Refusal::QuotaExceeded);
            }
            *used.days.entry(day).or_default() += 1;
        }
        self.write(&counter, &plan.id, key);
        Ok(())
    }

    fn counter(&self, plan: &str, key: &str) -> Arc<Counter> {
        let counter = self.counts.entry(format!("{plan}/{key}")).or_insert_with(|| {
            let used = self.used.get(&Key::new().text(plan).text(key));
            let used = used.map(|used| Used::clone(&used)).unwrap_or_default();
            Arc::new(Counter { used: Mutex::new(used), writing: Mutex::default() })
        });
        Arc::clone(&counter)
    }

    /// What a key has used of a plan.
    pub fn used(&self, plan: &str, key: &str) -> Used {
        lock(&self.counter(plan, key).used).clone()
    }

    /// Changes what a key may still use.
    pub async fn set_used(&self, plan: &str, key: &str, used: Used) -> Result<(), StoreError> {
        self.used.put(Key::new().text(plan).text(key), used.clone()).await?;
        *lock(&self.counter(plan, key).used) = used;
        Ok(())
    }

    /// Writes a counter down behind the request. One write at a time: counts that come meanwhile go with the next.
    fn write(self: &Arc<Self>, counter: &Arc<Counter>, plan: &str, key: &str) {
        {
            let mut writing = lock(&counter.writing);
            if *writing != Writing::Idle {
                *writing = Writing::Again;
                return;
            }
            *writing = Writing::Busy;
        }
        let (metering, counter) = (Arc::clone(self), Arc::clone(counter));
        let place = Key::new().text(plan).text(key);
        tokio::spawn(async move {
            loop {
                let used = lock(&counter.used).clone();
                if let Err(error) = metering.used.put(place.clone(), used).await {
                    tracing::warn!("the usage of an API key could not be kept: {error}");
                }
                let mut writing = lock(&counter.writing);
                if *writing != Writing::Again {
                    *writing = Writing::Idle;
                    break;
                }
                *writing = Writing::Busy;
            }
        });
    }
}

fn scoped(key: &[u8]) -> Option<(Scope, u64)> {
    let (texts, rest) = Key::texts(key, 2)?;
    Some((Scope::new(&texts[0], &texts[1]), u64::from_be_bytes(rest.try_into().ok()?)))
}
