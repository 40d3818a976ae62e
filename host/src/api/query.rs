//! Checks the query of every request to the API against the API's own description.
//!
//! A parameter that the operation does not know, one that stands twice, and a value of another type are a 422 with every fault.
//! Handlers take [`Query`] afterwards, as many as they like.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use url::form_urlencoded;
use utoipa::openapi::path::{Operation, Parameter, ParameterIn};
use utoipa::openapi::schema::{SchemaType, Type};
use utoipa::openapi::{OpenApi, RefOr, Schema};

use super::problem::{FieldError, Problem};

/// The query of an address, read into `T`.
#[derive(Debug, Clone, Copy, FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Problem))]
pub struct Query<T>(pub T);

impl From<QueryRejection> for Problem {
    /// For what [`check`] lets through and the handler's type does not take, because the description says less than the type.
    fn from(_: QueryRejection) -> Problem {
        Problem::bad_request("the query of this address cannot be read; `/docs/` says which parameters it takes")
    }
}

/// The query parameters of every operation, by the operation's path as the description writes it.
#[derive(Debug, Clone)]
pub struct Known(Arc<HashMap<(Method, String), Vec<Taken>>>);

/// A query parameter that an operation takes.
#[derive(Debug, Clone)]
struct Taken {
    name: String,
    form: Form,
}

/// What the text of a value has to spell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Number,
    Boolean,
}

impl Known {
    /// Reads the parameters out of the description of routes that are nested under `prefix`.
    pub fn of(document: &OpenApi, prefix: &str) -> Known {
        let mut known = HashMap::new();
        for (path, item) in &document.paths.paths {
            let operations = [
                (Method::GET, &item.get),
                (Method::PUT, &item.put),
                (Method::POST, &item.post),
                (Method::PATCH, &item.patch),
                (Method::DELETE, &item.delete),
            ];
            for (method, operation) in operations {
                if let Some(operation) = operation {
                    known.insert((method, format!("{prefix}{path}")), taken(operation));
                }
            }
        }
        Known(Arc::new(known))
    }

    fn faults(&self, method: &Method, path: &str, query: &str) -> Vec<FieldError> {
        let method = if *method == Method::HEAD { &Method::GET } else { method };
        // An address without a description is answered by its handler alone.
        let Some(taken) = self.0.get(&(method.clone(), path.to_owned())) else { return Vec::new() };
        let mut faults = Vec::new();
        let mut seen: Vec<String> = Vec::new();
        for (name, value) in form_urlencoded::parse(query.as_bytes()).take(MOST_PARAMETERS) {
            let pointer = format!("#/{name}");
            let fault = match taken.iter().find(|one| one.name == name) {
                _ if seen.iter().any(|before| *before == name) => {
                    Some(("twice", "stands twice in the query".to_owned()))
                }
                None => Some(("unknown", nothing_of_that_name(taken))),
                Some(one) => one.form.fault(&value).map(|words| ("type", words.to_owned())),
            };
            faults.extend(fault.map(|(code, words)| FieldError::new(pointer, code, words)));
            seen.push(name.into_owned());
        }
        faults
    }
}

/// Parameters of a query that are looked at; no operation takes as many.
const MOST_PARAMETERS: usize = 50;

impl Form {
    fn of(parameter: &Parameter) -> Form {
        let Some(RefOr::T(Schema::Object(object))) = &parameter.schema else { return Form::Text };
        let is = |kind: Type| match &object.schema_type {
            SchemaType::Type(one) => *one == kind,
            SchemaType::Array(several) => several.contains(&kind),
            SchemaType::AnyValue => false,
        };
        if is(Type::Integer) {
            Form::Number
        } else if is(Type::Boolean) {
            Form::Boolean
        } else {
            Form::Text
        }
    }

    fn fault(self, value: &str) -> Option<&'static str> {
        match self {
            // All numbers in queries are amounts.
            Form::Number if value.parse::<u32>().is_err() => Some("must be a whole number, 0 or more"),
            Form::Boolean if !matches!(value, "true" | "false") => Some("must be `true` or `false`"),
            _ => None,
        }
    }
}

fn taken(operation: &Operation) -> Vec<Taken> {
    let of_the_query = operation.parameters.iter().flatten().filter_map(|parameter| match parameter {
        RefOr::T(parameter) if parameter.parameter_in == ParameterIn::Query => Some(parameter),
        _ => None,
    });
    of_the_query.map(|one| Taken { name: one.name.clone(), form: Form::of(one) }).collect()
}

fn nothing_of_that_name(taken: &[Taken]) -> String {
    if taken.is_empty() {
        return "there is no such parameter; this address takes none".to_owned();
    }
    let names: Vec<_> = taken.iter().map(|one| one.name.as_str()).collect();
    format!("there is no such parameter; this address takes {}", names.join(", "))
}

/// Refuses a request whose query its operation does not take.
pub async fn check(State(known): State<Known>, path: MatchedPath, request: Request, next: Next) -> Response {
    if let Some(query) = request.uri().query() {
        let faults = known.faults(request.method(), path.as_str(), query);
        if !faults.is_empty() {
            return Problem::invalid(faults).into_response();
        }
    }
    next.run(request).await
}
