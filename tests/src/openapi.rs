//! Holds requests against a provider's published OpenAPI description: is there such an operation, does the body fit its
//! schema, are the parameters right?
//!
//! Descriptions leave objects open. Here they are closed, so that a property that the description does not know is a fault;
//! and a discriminator means what it says: the value of `type` decides which schema holds.

use std::fmt;
use std::path::Path;

use jsonschema::Validator;
use serde_json::{Map, Value, json};

use crate::providers::decoded;

const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];

/// A description of an API.
pub struct Description {
    document: Value,
    operations: Vec<Operation>,
}

/// One operation of it.
struct Operation {
    method: String,
    template: String,
    servers: Vec<String>,
    parameters: Vec<Value>,
    body: Option<Value>,
    body_required: bool,
    /// Names of security schemes, any of which will do.
    security: Vec<String>,
}

/// A request as it was sent.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// In upper case.
    pub method: &'a str,
    /// Absolute, or from the path on: then the server is not looked at.
    pub url: &'a str,
    /// Names in any case.
    pub headers: &'a [(String, String)],
    /// Raw.
    pub body: &'a [u8],
}

/// Why a request does not fit: every reason, one a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit(pub Vec<String>);

impl fmt::Display for Misfit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for Misfit {}

impl Description {
    /// Reads a description from a YAML or JSON file.
    ///
    /// # Panics
    /// When there is no such file or it is no OpenAPI description: that is the test's failure.
    pub fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self::parse(&text)
    }

    /// Reads a description from YAML or JSON.
    ///
    /// # Panics
    /// When it is no OpenAPI description.
    pub fn parse(text: &str) -> Self {
        let yaml: serde_yaml_ng::Value = serde_yaml_ng::from_str(text).expect("an OpenAPI description is YAML");
        let mut document = to_json(yaml);
        if document["swagger"] == "2.0" {
            document = from_swagger(&document);
        }
        let operations = operations(&document);
        assert!(!operations.is_empty(), "the description has no operation");
        close_schemas(&mut document);
        Self { document, operations }
    }

    /// Checks a request. Answers with the operation it is, as the description writes it: `POST /v2/bot/message/push`.
    ///
    /// # Errors
    /// Every reason why it does not fit.
    pub fn check(&self, call: &Call<'_>) -> Result<String, Misfit> {
        let (_, path, _) = split(call.url);
        let operation = self
            .operations
            .iter()
            .filter(|operation| operation.method == call.method && matches_path(&operation.template, path))
            // A path without variables is meant rather than one that they would make of it.
            .min_by_key(|operation| operation.template.matches('{').count())
            .ok_or_else(|| Misfit(vec![format!("there is no operation {} {path}", call.method)]))?;
        self.check_operation(operation, call)
    }

    /// Checks a request that is meant as this operation, where several have paths of the same form.
    ///
    /// # Errors
    /// Every reason why it does not fit.
    pub fn check_as(&self, name: &str, call: &Call<'_>) -> Result<String, Misfit> {
        let (_, path, _) = split(call.url);
        let meant = self.operations.iter().find(|operation| operation.name() == name);
        let operation = meant
            .filter(|operation| operation.method == call.method && matches_path(&operation.template, path))
            .ok_or_else(|| Misfit(vec![format!("{} {path} is not {name}", call.method)]))?;
        self.check_operation(operation, call)
    }

    /// Checks a value against a schema of the description, by its name.
    ///
    /// # Errors
    /// Every reason why it does not fit.
    pub fn fits(&self, schema: &str, value: &Value) -> Result<(), Misfit> {
        let validator = self.validator(&json!({ "$ref": format!("#/components/schemas/{schema}") }));
        let faults: Vec<_> =
            validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
        if faults.is_empty() { Ok(()) } else { Err(Misfit(faults)) }
    }

    fn check_operation(&self, operation: &Operation, call: &Call<'_>) -> Result<String, Misfit> {
        let (server, _, query) = split(call.url);
        let mut faults = Vec::new();
        if let Some(server) = server
            && !operation.servers.iter().any(|known| known == server)
        {
            faults.push(format!("{server} is none of its servers: {}", operation.servers.join(", ")));
        }
        faults.extend(self.parameter_faults(operation, call, query));
        faults.extend(self.body_faults(operation, call));
        if faults.is_empty() { Ok(operation.name()) } else { Err(Misfit(faults)) }
    }

    fn parameter_faults(&self, operation: &Operation, call: &Call<'_>, query: &str) -> Vec<String> {
        let mut faults = Vec::new();
        let query: Vec<(String, String)> = url_pairs(query);
        for (name, _) in &query {
            let known = operation.parameters.iter().any(|one| one["in"] == "query" && one["name"] == json!(name));
            if !known {
                faults.push(format!("the query parameter {name} is not described"));
            }
        }
        for parameter in &operation.parameters {
            let name = parameter["name"].as_str().unwrap_or_default();
            let value = match parameter["in"].as_str() {
                Some("query") => query.iter().find(|(known, _)| known == name),
                Some("header") => call.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)),
                _ => continue,
            };
            match value {
                None if parameter["required"] == true => faults.push(format!("the parameter {name} is missing")),
                Some((_, value)) if !self.parameter_fits(&parameter["schema"], value) => {
                    faults.push(format!("the parameter {name} may not be {value}"));
                }
                _ => {}
            }
        }
        faults
    }

    /// The security schemes of an operation, any of which will do.
    ///
    /// # Panics
    /// When there is no such operation: that is the test's failure.
    pub fn security(&self, name: &str) -> &[String] {
        let operation = self.operations.iter().find(|operation| operation.name() == name);
        &operation.unwrap_or_else(|| panic!("there is no operation {name}")).security
    }

    /// A parameter arrives as text: it fits as a string, as the number or boolean that it spells, or as a list with commas.
    fn parameter_fits(&self, schema: &Value, value: &str) -> bool {
        if schema.is_null() {
            return true;
        }
        let validator = self.validator(schema);
        let spelt = serde_json::from_str(value).unwrap_or(Value::Null);
        let listed = json!(value.split(',').collect::<Vec<_>>());
        [json!(value), spelt, listed].iter().any(|value| validator.is_valid(value))
    }

    fn body_faults(&self, operation: &Operation, call: &Call<'_>) -> Vec<String> {
        let Some(schema) = &operation.body else {
            let stray = !call.body.is_empty();
            return stray.then(|| "it takes no body".to_owned()).into_iter().collect();
        };
        if call.body.is_empty() {
            let missing = operation.body_required;
            return missing.then(|| "the body is missing".to_owned()).into_iter().collect();
        }
        let body: Value = match serde_json::from_slice(call.body) {
            Ok(body) => body,
            Err(error) => return vec![format!("the body is no JSON: {error}")],
        };
        let validator = self.validator(schema);
        validator.iter_errors(&body).map(|error| format!("{}: {error}", error.instance_path())).collect()
    }

    fn validator(&self, schema: &Value) -> Validator {
        let mut schema = schema.clone();
        point_to(&mut schema, "");
        let root = json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "components": { "schemas": self.reachable(&schema) },
            "allOf": [schema],
        });
        jsonschema::options()
            .should_validate_formats(true)
            .build(&root)
            .expect("the description's schemas are JSON Schemas")
    }
}

impl Description {
    /// The schemas that one leads to: the others would only have to be read again for every validator.
    fn reachable(&self, schema: &Value) -> serde_json::Map<String, Value> {
        let mut found = serde_json::Map::new();
        let mut open = references(schema);
        while let Some(name) = open.pop() {
            let schema = &self.document["components"]["schemas"][&name];
            if !found.contains_key(&name) && !schema.is_null() {
                open.extend(references(schema));
                found.insert(name, schema.clone());
            }
        }
        found
    }
}

/// Names of the schemas that a schema refers to.
fn references(schema: &Value) -> Vec<String> {
    match schema {
        Value::Object(object) => {
            let own =
                object.get("$ref").and_then(Value::as_str).and_then(|at| at.strip_prefix("#/components/schemas/"));
            own.map(str::to_owned).into_iter().chain(object.values().flat_map(references)).collect()
        }
        Value::Array(values) => values.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

impl Operation {
    fn name(&self) -> String {
        format!("{} {}", self.method, self.template)
    }
}

/// YAML's keys may be numbers (status codes); JSON's may not.
fn to_json(yaml: serde_yaml_ng::Value) -> Value {
    use serde_yaml_ng::Value as Yaml;
    match yaml {
        Yaml::Mapping(mapping) => mapping
            .into_iter()
            .map(|(key, value)| {
                let key = match key {
                    Yaml::String(text) => text,
                    other => serde_json::to_value(other).map(|key| key.to_string()).unwrap_or_default(),
                };
                (key, to_json(value))
            })
            .collect::<Map<String, Value>>()
            .into(),
        Yaml::Sequence(values) => values.into_iter().map(to_json).collect(),
        Yaml::Tagged(tagged) => to_json(tagged.value),
        scalar => serde_json::to_value(scalar).unwrap_or(Value::Null),
    }
}

fn operations(document: &Value) -> Vec<Operation> {
    let mut operations = Vec::new();
    for (template, path) in document["paths"].as_object().into_iter().flatten() {
        for method in METHODS {
            let operation = &path[method];
            if operation.is_null() {
                continue;
            }
            let servers = [operation, path, document].into_iter().find_map(|at| at["servers"].as_array());
            let own = operation["parameters"].as_array().into_iter().flatten();
            let shared = path["parameters"].as_array().into_iter().flatten();
            let body = resolve(document, &operation["requestBody"]);
            operations.push(Operation {
                method: method.to_ascii_uppercase(),
                template: template.clone(),
                servers: servers
                    .into_iter()
                    .flatten()
                    .filter_map(|server| Some(server["url"].as_str()?.trim_end_matches('/').to_owned()))
                    .collect(),
                parameters: own.chain(shared).map(|parameter| resolve(document, parameter).clone()).collect(),
                body: body["content"].as_object().and_then(|content| {
                    let json = content.iter().find(|(mime, _)| mime.starts_with("application/json"));
                    json.or_else(|| content.iter().next()).map(|(_, media)| media["schema"].clone())
                }),
                body_required: body["required"] == true,
                security: [operation, document]
                    .into_iter()
                    .find_map(|at| at["security"].as_array())
                    .into_iter()
                    .flatten()
                    .flat_map(|schemes| schemes.as_object().into_iter().flat_map(serde_json::Map::keys).cloned())
                    .collect(),
            });
        }
    }
    operations
}

fn resolve<'d>(document: &'d Value, value: &'d Value) -> &'d Value {
    match value["$ref"].as_str().and_then(|pointer| pointer.strip_prefix('#')) {
        Some(pointer) => document.pointer(pointer).unwrap_or(value),
        None => value,
    }
}

/// Splits an address into its server, its path and its query.
fn split(url: &str) -> (Option<&str>, &str, &str) {
    let (address, query) = url.split_once('?').unwrap_or((url, ""));
    let Some(after_scheme) = address.find("://").map(|at| at + 3) else { return (None, address, query) };
    let path = address[after_scheme..].find('/').map_or(address.len(), |at| after_scheme + at);
    (Some(&address[..path]), &address[path..], query)
}

fn matches_path(template: &str, path: &str) -> bool {
    let mut wanted = template.split('/');
    let mut given = path.split('/');
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(wanted), Some(given)) if wanted.starts_with('{') && !given.is_empty() => {}
            (Some(wanted), Some(given)) if wanted == given => {}
            _ => return false,
        }
    }
}

fn url_pairs(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).map(|(k, v)| (decoded(k), decoded(v))).collect()
}

/// Suffix of the schemas as they were published, for `allOf` to build on.
const OPEN: &str = "__open";

/// Gives each schema a closed twin under its own name, and leaves the open one for composition.
fn close_schemas(document: &mut Value) {
    let Some(schemas) = document["components"]["schemas"].as_object_mut() else { return };
    let mut all = Map::new();
    for (name, schema) in std::mem::take(schemas) {
        let mut open = schema;
        allow_null(&mut open);
        open_parts(&mut open);
        let discriminator = open.as_object_mut().and_then(|schema| schema.remove("discriminator"));
        point_to(&mut open, "");
        let mut closed = json!({ "allOf": [{ "$ref": format!("#/components/schemas/{name}{OPEN}") }] });
        if let Some(discriminator) = discriminator {
            choose(&mut closed, &discriminator);
        }
        if open.get("properties").is_some() || open.get("allOf").is_some() {
            closed["unevaluatedProperties"] = json!(false);
        }
        all.insert(name.clone(), closed);
        all.insert(format!("{name}{OPEN}"), open);
    }
    *schemas = all;
}

/// The discriminator's value must be a known one, and its schema holds.
fn choose(closed: &mut Value, discriminator: &Value) {
    let property = discriminator["propertyName"].as_str().unwrap_or_default();
    let Some(mapping) = discriminator["mapping"].as_object() else { return };
    let words: Vec<&String> = mapping.keys().collect();
    let mut parts = vec![json!({ "properties": { property: { "enum": words } } })];
    for (word, schema) in mapping {
        let reference = schema.as_str().unwrap_or_default();
        parts.push(json!({
            "if": { "properties": { property: { "const": word } } },
            "then": { "$ref": format!("{reference}{OPEN}") },
        }));
    }
    if let Some(all) = closed["allOf"].as_array_mut() {
        all.extend(parts);
    }
}

/// References inside `allOf` lead to the open twins, all others to the closed ones.
fn point_to(schema: &mut Value, suffix: &str) {
    match schema {
        Value::Object(object) => {
            for (key, value) in object {
                match value {
                    Value::String(reference) if key == "$ref" && reference.starts_with("#/components/schemas/") => {
                        if !reference.ends_with(OPEN) {
                            reference.push_str(suffix);
                        }
                    }
                    Value::Array(parts) if key == "allOf" => {
                        for part in parts {
                            let inside = if part.get("$ref").is_some() { OPEN } else { "" };
                            point_to(part, inside);
                        }
                    }
                    other => point_to(other, ""),
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| point_to(value, "")),
        _ => {}
    }
}

/// A part of a composition that is closed by itself would shut out the other parts; the whole is closed instead.
fn open_parts(schema: &mut Value) {
    for part in schema.get_mut("allOf").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(part) = part.as_object_mut()
            && part.get("additionalProperties") == Some(&Value::Bool(false))
        {
            part.remove("additionalProperties");
        }
    }
}

/// A Swagger 2 description in the form of OpenAPI 3: definitions become schemas, and a body's parameter becomes the body.
fn from_swagger(document: &Value) -> Value {
    let text = document.to_string().replace("#/definitions/", "#/components/schemas/");
    let mut document: Value = serde_json::from_str(&text).expect("what was JSON is JSON");
    document["components"] = json!({ "schemas": document["definitions"].take() });
    for path in document["paths"].as_object_mut().into_iter().flat_map(Map::values_mut) {
        for method in METHODS {
            let Some(parameters) = path[method]["parameters"].as_array() else { continue };
            let Some(body) = parameters.iter().find(|parameter| parameter["in"] == "body").cloned() else { continue };
            let content = json!({ "application/json": { "schema": body["schema"] } });
            path[method]["requestBody"] = json!({ "required": body["required"], "content": content });
        }
    }
    document
}

/// OpenAPI 3.0's `nullable` in the words of JSON Schema.
fn allow_null(schema: &mut Value) {
    match schema {
        Value::Object(object) => {
            if object.remove("nullable") == Some(Value::Bool(true))
                && let Some(kind) = object.get_mut("type")
            {
                *kind = json!([kind.take(), "null"]);
            }
            object.values_mut().for_each(allow_null);
        }
        Value::Array(values) => values.iter_mut().for_each(allow_null),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPES: &str = r##"
openapi: 3.0.0
servers: [{ url: "https://api.example" }]
paths:
  /v1/shapes/{id}:
    post:
      parameters:
        - { name: X-Key, in: header, required: true, schema: { type: string, format: uuid } }
        - { name: limit, in: query, schema: { type: integer } }
      requestBody:
        required: true
        content: { application/json: { schema: { $ref: "#/components/schemas/Shape" } } }
components:
  schemas:
    Shape:
      type: object
      required: [type]
      properties: { type: { type: string } }
      discriminator: { propertyName: type, mapping: { circle: "#/components/schemas/Circle" } }
    Circle:
      allOf:
        - $ref: "#/components/schemas/Shape"
        - { type: object, required: [radius], properties: { radius: { type: number, nullable: true } } }
"##;
    const KEY: &str = "123e4567-e89b-12d3-a456-426614174000";

    fn check(url: &str, key: &str, body: &str) -> Result<String, Misfit> {
        let headers = [("x-key".to_owned(), key.to_owned())];
        let call = Call { method: "POST", url, headers: &headers, body: body.as_bytes() };
        Description::parse(SHAPES).check(&call)
    }

    #[test]
    fn a_request_that_fits_is_named_by_its_operation() {
        let named = check("https://api.example/v1/shapes/7?limit=3", KEY, r#"{"type":"circle","radius":1}"#);
        assert_eq!(named.expect("it fits"), "POST /v1/shapes/{id}");
        assert!(check("/v1/shapes/7", KEY, r#"{"type":"circle","radius":null}"#).is_ok());
    }

    #[test]
    fn every_kind_of_misfit_is_refused() {
        let good = r#"{"type":"circle","radius":1}"#;
        for (url, key, body) in [
            ("/v1/other", KEY, good),
            ("https://elsewhere.example/v1/shapes/7", KEY, good),
            ("/v1/shapes/7?limit=many", KEY, good),
            ("/v1/shapes/7?unknown=1", KEY, good),
            ("/v1/shapes/7", "no uuid", good),
            ("/v1/shapes/7", KEY, ""),
            ("/v1/shapes/7", KEY, "{"),
            ("/v1/shapes/7", KEY, r#"{"type":"circle"}"#),
            ("/v1/shapes/7", KEY, r#"{"type":"square"}"#),
            ("/v1/shapes/7", KEY, r#"{"type":"circle","radius":"1"}"#),
            ("/v1/shapes/7", KEY, r#"{"type":"circle","radius":1,"colour":"red"}"#),
        ] {
            assert!(check(url, key, body).is_err(), "{url} {key} {body}");
        }
    }
}
