//! SNS, as far as workflows and functions publish and local endpoints listen: standard topics, subscriptions of queues,
//! functions and HTTP servers, filter policies, raw delivery.
//!
//! Owns topics and subscriptions; reaches queues and functions through the router. FIFO topics, mobile push, text
//! messages, e-mail, dead-letter queues of subscriptions and data protection are refused by name. Start at [`Sns`]; what
//! becomes of a message is in `delivery`.

mod delivery;
mod filter;
mod publish;
mod subscription;
mod tags;
#[cfg(test)]
mod tests;
mod topic;

use std::sync::Arc;

use aws_wire::{PageToken, ServiceError};
use outbound::Outbound;
use runtime::{BoxFuture, CallContext, Clock, Input, Output, Scope, Service, ServiceRouter};
use serde_json::{Map, Value};
use store::{Collection, Key, Lanes, Store, StoreError, Table};

use subscription::Subscription;
use topic::Topic;

const TOPICS: Table = Table("sns.topics");
const SUBSCRIPTIONS: Table = Table("sns.subscriptions");
const VERSION: u32 = 1;
/// How many a list shows at a time, as AWS's.
const PAGE: usize = 100;

/// SNS. Cheap to clone.
#[derive(Clone)]
pub struct Sns(Arc<State>);

struct State {
    clock: Clock,
    router: Arc<dyn ServiceRouter>,
    outbound: Outbound,
    topics: Collection<Topic>,
    subscriptions: Collection<Subscription>,
    /// Turns to change a topic, and what belongs to it.
    changing: Lanes,
}

impl Sns {
    /// Loads what the store holds.
    pub fn new(
        store: &Store,
        clock: Clock,
        router: Arc<dyn ServiceRouter>,
        outbound: Outbound,
    ) -> Result<Self, StoreError> {
        Ok(Self(Arc::new(State {
            clock,
            router,
            outbound,
            topics: Collection::load(store, TOPICS, VERSION)?,
            subscriptions: Collection::load(store, SUBSCRIPTIONS, VERSION)?,
            changing: Lanes::default(),
        })))
    }
}

const OPERATIONS: &[&str] = &[
    "ConfirmSubscription",
    "CreateTopic",
    "DeleteTopic",
    "GetSubscriptionAttributes",
    "GetTopicAttributes",
    "ListSubscriptions",
    "ListSubscriptionsByTopic",
    "ListTagsForResource",
    "ListTopics",
    "Publish",
    "PublishBatch",
    "SetSubscriptionAttributes",
    "SetTopicAttributes",
    "Subscribe",
    "TagResource",
    "Unsubscribe",
    "UntagResource",
];

impl Service for Sns {
    fn name(&self) -> &'static str {
        "sns"
    }

    fn operations(&self) -> &'static [&'static str] {
        OPERATIONS
    }

    fn call<'a>(
        &'a self,
        ctx: &'a CallContext,
        operation: &'a str,
        input: Input,
    ) -> BoxFuture<'a, Result<Output, ServiceError>> {
        let (state, members) = (&self.0, input.members);
        Box::pin(async move {
            match operation {
                "ConfirmSubscription" => subscription::confirm(state, &members).await,
                "CreateTopic" => topic::create(state, ctx, &members).await,
                "DeleteTopic" => topic::delete(state, &members).await,
                "GetSubscriptionAttributes" => subscription::attributes(state, &members),
                "GetTopicAttributes" => topic::attributes(state, &members),
                "ListSubscriptions" => subscription::list(state, ctx, &members),
                "ListSubscriptionsByTopic" => subscription::list_by_topic(state, &members),
                "ListTagsForResource" => tags::list(state, &members),
                "ListTopics" => topic::list(state, ctx, &members),
                "Publish" => publish::one(state, ctx, &members).await,
                "PublishBatch" => publish::batch(state, ctx, &members).await,
                "SetSubscriptionAttributes" => subscription::set_attribute(state, &members).await,
                "SetTopicAttributes" => topic::set_attribute(state, &members).await,
                "Subscribe" => subscription::subscribe(state, ctx, &members).await,
                "TagResource" => tags::add(state, &members).await,
                "Unsubscribe" => subscription::unsubscribe(state, &members).await,
                "UntagResource" => tags::remove(state, &members).await,
                other => {
                    Err(ServiceError::not_implemented(format!("Tule does not implement {other} of sns yet")))
                }
            }
        })
    }
}

type Members = Map<String, Value>;
type Answer = Result<Output, ServiceError>;

fn text<'m>(members: &'m Members, name: &str) -> &'m str {
    members.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// `Invalid parameter: …`
fn invalid(what: impl std::fmt::Display) -> ServiceError {
    ServiceError::bad_request("InvalidParameter", format!("Invalid parameter: {what}"))
}

fn not_found(what: &str) -> ServiceError {
    ServiceError::new("NotFound", 404, format!("{what} does not exist"))
}

fn not_yet(what: &str) -> ServiceError {
    ServiceError::not_implemented(format!("Tule does not implement {what} of SNS yet"))
}

fn storage(error: StoreError) -> ServiceError {
    ServiceError::internal(format!("the topic could not be stored: {error}")).with_source(error)
}

fn scope_key(scope: &Scope) -> Key {
    Key::new().text(&scope.account).text(&scope.region)
}

/// Scope and resource of an ARN of SNS.
fn parse_arn(arn: &str, parameter: &str) -> Result<(Scope, String), ServiceError> {
    let parsed: Option<aws_wire::Arn> = arn.parse().ok();
    let parsed = parsed.filter(|arn| arn.service == "sns" && !arn.resource.is_empty());
    let arn = parsed.ok_or_else(|| invalid(parameter))?;
    Ok((Scope::new(&arn.account, &arn.region), arn.resource))
}

/// Where a list goes on.
fn position(members: &Members, listing: &str) -> Result<Option<String>, ServiceError> {
    match text(members, "NextToken") {
        "" => Ok(None),
        token => {
            let token = PageToken::decode(listing, token).ok_or_else(|| invalid("nextToken"))?;
            Ok(Some(token.after))
        }
    }
}
