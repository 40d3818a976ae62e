//! What a widget is told of its channel: the settings that the plugin's form says are public.

use serde_json::{Map, Value};

/// The public settings of a channel of this name, each as it stands or as the form presets it.
pub fn config(name: &str, schema: Option<&Value>, settings: &Value) -> Value {
    let mut config = Map::from_iter([("name".to_owned(), Value::from(name))]);
    let fields = schema.and_then(|schema| schema.get("properties")).and_then(Value::as_object);
    for (name, field) in fields.into_iter().flatten() {
        if field.get("x-public").and_then(Value::as_bool) == Some(true) {
            let value = settings.get(name).filter(|value| !value.is_null()).or_else(|| field.get("default"));
            config.insert(name.clone(), value.cloned().unwrap_or(Value::Null));
        }
    }
    config.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_public_settings_are_told_and_an_empty_one_is_as_preset() {
        let schema = json!({ "properties": {
            "color": { "x-public": true, "default": "#000000" }, "title": { "x-public": true }, "domain": {}
        } });
        let settings = json!({ "color": null, "title": "Toko", "domain": ["https://shop.example"], "other": 1 });
        let told = config("Shop", Some(&schema), &settings);
        assert_eq!(told, json!({ "name": "Shop", "color": "#000000", "title": "Toko" }));
    }
}
