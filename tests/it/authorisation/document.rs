//! The operations of the served OpenAPI document.

use serde_json::{Value, json};

use super::table::Given;
use super::world::World;

/// One operation.
pub struct Operation {
    /// `GET /v1/…`
    pub name: String,
    /// `GET`
    pub method: String,
    template: String,
    /// Names of its query parameters.
    pub queries: Vec<String>,
    /// Whether it takes a body, and the schema of JSON.
    body: Option<Option<Value>>,
}

/// Every operation of the document.
pub fn operations(document: &Value) -> Vec<Operation> {
    let mut found = Vec::new();
    for (template, methods) in document["paths"].as_object().expect("the document has paths") {
        for (method, operation) in methods.as_object().expect("a path has methods") {
            let method = method.to_uppercase();
            if !["GET", "POST", "PUT", "PATCH", "DELETE"].contains(&method.as_str()) {
                continue;
            }
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let queries =
                parameters.filter(|one| one["in"] == "query").map(|one| one["name"].as_str().unwrap().to_owned());
            let content = &operation["requestBody"]["content"];
            let body = content.is_object().then(|| {
                let schema = content["application/json"]["schema"].clone();
                schema.is_object().then(|| json!({ "components": document["components"], "allOf": [schema] }))
            });
            found.push(Operation {
                name: format!("{method} {template}"),
                method,
                template: template.clone(),
                queries: queries.collect(),
                body,
            });
        }
    }
    assert!(found.len() > 50, "the document describes the API");
    found
}

impl Operation {
    /// Its path with the ids of a workspace.
    pub fn path(&self, world: &World) -> String {
        let mut path = self.template.clone();
        while let Some(at) = path.find('{') {
            let end = at + path[at..].find('}').unwrap();
            let id = world.id_for(&self.template, &path[at + 1..end]);
            path.replace_range(at..=end, &id);
        }
        path
    }

    /// Whether an id of its path belongs to a workspace. Plugins and the workspaces themselves are the host's.
    pub fn names_a_workspaces_own(&self) -> bool {
        let is_hosts = ["/v1/plugins/", "/v1/workspaces/"].iter().any(|prefix| self.template.starts_with(prefix));
        self.template.contains("{app}") || (self.template.contains('{') && !is_hosts)
    }

    /// The workspace's id in its path, of two workspaces.
    pub fn ids(&self, one: &World, two: &World) -> (String, String) {
        let name = if self.template.contains("{app}") { "app" } else { "id" };
        (one.id_for(&self.template, name), two.id_for(&self.template, name))
    }

    /// Panics where the body does not fit the document.
    pub fn fits(&self, given: &Given) {
        match (&self.body, given) {
            (None, Given::Nothing) | (Some(None), Given::Bytes(..) | Given::Json(_)) => {}
            (Some(Some(schema)), Given::Json(body)) => {
                let validator = jsonschema::validator_for(schema).expect("the document's schemas are JSON Schemas");
                let faults: Vec<_> = validator.iter_errors(body).map(|error| error.to_string()).collect();
                assert!(faults.is_empty(), "the table's body for {} does not fit: {faults:?}", self.name);
            }
            _ => panic!("the table gives {} another body than the document describes: {given:?}", self.name),
        }
    }
}
