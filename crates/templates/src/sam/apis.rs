//! All APIs of a template: those it declares, and the two that events make where they name none.

use serde_json::{Map, Value, json};

use super::{
    ApiKind, Made, Serverless,
    event::{self, Event},
    globals,
    http::HttpApi,
    rest::{Caller, RestApi},
};
use crate::{Known, Refusals};

/// The APIs on their way.
pub(super) struct Apis<'g> {
    rest: Vec<RestApi>,
    http: Vec<HttpApi>,
    /// They hold for the implicit APIs too.
    globals: Option<&'g Map<String, Value>>,
    known: &'g Known,
}

impl<'g> Apis<'g> {
    pub(super) fn new(globals: Option<&'g Map<String, Value>>, known: &'g Known) -> Self {
        Self { rest: Vec::new(), http: Vec::new(), globals, known }
    }

    pub(super) fn declare(&mut self, id: &str, kind: ApiKind, found: Serverless, refusals: &mut Refusals) {
        match kind {
            ApiKind::Rest => self.rest.push(RestApi::new(id, found, self.known, refusals)),
            ApiKind::Http => self.http.push(HttpApi::new(id, found, self.known, refusals)),
        }
    }

    fn implicit(&self, kind: ApiKind) -> Serverless {
        let own = match kind {
            ApiKind::Rest => json!({ "StageName": "Prod" }),
            ApiKind::Http => json!({}),
        };
        let own = own.as_object().cloned().unwrap_or_default();
        let properties = globals::merged(self.globals, kind.name(), own);
        Serverless { properties, beside: Map::new() }
    }

    /// The id of an event's API; an implicit one is made. Tags of who has the event go to an implicit API, where they go
    /// to all that is made of it.
    fn find(
        &mut self,
        event: &Event,
        tags: Option<&Value>,
        place: &str,
        refusals: &mut Refusals,
    ) -> Option<String> {
        let id = event.named_api().unwrap_or(event.kind.implicit()).to_owned();
        let is_there = match event.kind {
            ApiKind::Rest => self.rest.iter().any(|api| api.id == id),
            ApiKind::Http => self.http.iter().any(|api| api.id == id),
        };
        if !is_there {
            if event.api.is_some() && id != event.kind.implicit() {
                let text =
                    format!("the event names the API {id}, and the template has none of that name and kind");
                refusals.add(place, text);
                return None;
            }
            self.declare(&id, event.kind, self.implicit(event.kind), refusals);
        }
        if let Some(tags) = tags.filter(|_| event.api.is_none()) {
            match event.kind {
                ApiKind::Rest => {
                    self.rest.iter_mut().filter(|api| api.id == id).for_each(|api| api.add_tags(tags));
                }
                ApiKind::Http => {
                    self.http.iter_mut().filter(|api| api.id == id).for_each(|api| api.add_tags(tags));
                }
            }
        }
        Some(id)
    }

    /// Keeps an event's place among the paths: they are in the template's order, whatever comes first.
    pub(super) fn reserve(&mut self, event: &Value) {
        let Some(event) = Event::read(event, event::OF_FUNCTION, "", &mut Refusals::default()) else {
            return;
        };
        let id = event.named_api().unwrap_or(event.kind.implicit());
        match event.kind {
            ApiKind::Rest => {
                self.rest.iter_mut().filter(|api| api.id == id).for_each(|api| api.reserve(&event));
            }
            ApiKind::Http => {
                self.http.iter_mut().filter(|api| api.id == id).for_each(|api| api.reserve(&event));
            }
        }
    }

    /// Adds an event of a REST API. Gives its stage as ids of permissions have it.
    pub(super) fn add_rest(
        &mut self,
        event: &Event,
        caller: &Caller,
        tags: Option<&Value>,
        place: &str,
        refusals: &mut Refusals,
    ) -> Option<(String, String)> {
        let id = self.find(event, tags, place, refusals)?;
        let api = self.rest.iter_mut().find(|api| api.id == id)?;
        api.add(event, caller, place, refusals);
        Some((id, api.stage_suffix().to_owned()))
    }

    /// Adds an event of an HTTP API. Gives the API's id, unless it may invoke the function already.
    pub(super) fn add_http(
        &mut self,
        event: &Event,
        function: &str,
        arn: &str,
        tags: Option<&Value>,
        place: &str,
        refusals: &mut Refusals,
    ) -> Option<String> {
        let id = self.find(event, tags, place, refusals)?;
        let api = self.http.iter_mut().find(|api| api.id == id)?;
        let is_permitted = !event.is_default() && api.default_leads_to(function);
        api.add(event, arn, place, refusals);
        (!is_permitted).then_some(id)
    }

    /// Makes each API with what belongs to it.
    pub(super) fn make(self, made: &mut Made, refusals: &mut Refusals) {
        for api in self.rest {
            api.make(made, refusals);
        }
        for api in self.http {
            api.make(made, refusals);
        }
    }
}
