//! What a stage says of single methods: how often they may be used, and what is logged of it.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Mutex, PoisonError},
};

use runtime::Timestamp;
use serde_json::Value;

use super::cache::Caching;
use crate::metering::{Throttle, limits::Bucket};

/// The limits that AWS shows where none are set.
const DEFAULT: Throttle = Throttle { burst_limit: 5000, rate_limit: 10000.0 };

/// Settings of a stage's methods, by `path/GET`, and those of all others.
#[derive(Default)]
pub(crate) struct Settings {
    all: Option<Setting>,
    methods: HashMap<String, Setting>,
    buckets: dashmap::DashMap<String, Mutex<Bucket>>,
}

/// Settings of a method.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Setting {
    throttle: Option<Throttle>,
    pub logging: Logging,
    /// Whether bodies and headers are logged too.
    pub data_trace: bool,
    caching: Option<Caching>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Logging {
    Off,
    Errors,
    All,
}

impl Settings {
    pub fn new(records: &BTreeMap<String, Value>) -> Self {
        let mut settings = Self::default();
        for (key, record) in records {
            let setting = Setting::of(record);
            if key == "*/*" {
                settings.all = Some(setting);
            } else {
                let key = key.replace("~1", "/");
                settings.methods.insert(key.trim_start_matches('/').to_owned(), setting);
            }
        }
        settings
    }

    /// The settings of a method `/path/GET`.
    pub fn of(&self, method: &str) -> Option<Setting> {
        if self.methods.is_empty() {
            return self.all;
        }
        self.methods.get(method.trim_start_matches('/')).copied().or(self.all)
    }

    /// How the method's answers are cached. What is said of all methods is said of GET alone.
    pub fn caching(&self, method: &str, is_get: bool) -> Option<Caching> {
        match self.methods.get(method.trim_start_matches('/')) {
            Some(own) => own.caching,
            None => self.all.filter(|_| is_get)?.caching,
        }
    }

    /// Whether one more request to the method is let in now. Each method has a limit of its own.
    pub fn admits(&self, method: &str, now: Timestamp) -> bool {
        let Some(throttle) = self.of(method).and_then(|setting| setting.throttle) else { return true };
        let full = || Mutex::new(Bucket::full(throttle, now));
        if let Some(bucket) = self.buckets.get(method) {
            return bucket.lock().unwrap_or_else(PoisonError::into_inner).take(throttle, now);
        }
        let bucket = self.buckets.entry(method.to_owned()).or_insert_with(full);
        bucket.lock().unwrap_or_else(PoisonError::into_inner).take(throttle, now)
    }
}

impl Setting {
    fn of(record: &Value) -> Self {
        let throttle = Throttle {
            burst_limit: record["throttlingBurstLimit"].as_i64().unwrap_or(DEFAULT.burst_limit),
            rate_limit: record["throttlingRateLimit"].as_f64().unwrap_or(DEFAULT.rate_limit),
        };
        Self {
            // An account's own limits are no limit here.
            throttle: (throttle != DEFAULT).then_some(throttle),
            logging: match record["loggingLevel"].as_str() {
                Some("ERROR") => Logging::Errors,
                Some("INFO") => Logging::All,
                _ => Logging::Off,
            },
            data_trace: record["dataTraceEnabled"] == Value::Bool(true),
            caching: Caching::of(record),
        }
    }
}
