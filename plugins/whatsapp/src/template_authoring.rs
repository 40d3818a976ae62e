//! Making templates and removing them ("Message templates", `POST` and `DELETE /{WABA-ID}/message_templates`).

use crate::WhatsApp;
use crate::api::{ask, graph, refusal, word};
use crate::errors::fault;
use crate::settings::{self, ACCESS_TOKEN, ChannelSettings, Cloud};
use crate::template_limits::faults;
use crate::templates::{blanks, described};
use sambung_meta::graph::GRAPH;
use sambung_sdk::http::{Request, Response};
use sambung_sdk::json::{self, Value, json};
use sambung_sdk::secrets;
use sambung_sdk::template_authoring::TemplateAuthoring;
use sambung_sdk::types::{Channel, Fault};
use serde::Deserialize;

/// The app of the token that asks, which is the registration's: uploads belong to an app.
const APP: &str = "app";
/// How the token is given with the bytes of an upload ("Resumable Upload API": "must be in the header").
const UPLOAD_SCHEME: &str = "OAuth";
/// `error_subcode`: there is content of this name in this language already, or it is just being deleted.
const EXISTS: [i64; 2] = [2_388_023, 2_388_024];
/// `error_subcode`: there is no such template.
const GONE: [i64; 1] = [2_593_002];
/// `error_subcode` ("Error codes", template creation) and the part of the template that it is about.
const PARTS: [(i64, &str); 6] = [
    (2_388_047, "/header"),
    (2_388_072, "/body"),
    (2_388_073, "/footer"),
    (2_388_293, "/body/text"),
    (2_388_299, "/body/text"),
    (2_388_039, "/buttons"),
];

impl TemplateAuthoring for WhatsApp {
    fn create_template(channel: Channel, template: String) -> Result<String, Vec<Fault>> {
        let one = |fault: Fault| vec![fault];
        let cloud = cloud(&channel).map_err(one)?;
        let wanted: Value = json::read(&template).map_err(|words| one(Fault::new("invalid", words)))?;
        let faults = faults(&wanted);
        if !faults.is_empty() {
            return Err(faults);
        }
        create(&cloud, &wanted).map(|created| created.to_string()).map_err(one)
    }

    fn delete_template(channel: Channel, template: String) -> Result<(), Fault> {
        let cloud = cloud(&channel)?;
        let known: Value = json::read(&template).map_err(|words| Fault::new("invalid", words))?;
        // Without the id the provider removes the name in every language.
        let (Some(name), Some(id)) = (known["name"].as_str(), known["id"].as_str()) else {
            return Err(Fault::new("invalid", "the template's id is not known; read the templates again"));
        };
        let request = graph("DELETE", &of_account(&cloud)).query("name", name).query("hsm_id", id);
        taken(&request).map(drop)
    }
}

fn cloud(channel: &Channel) -> Result<Cloud, Fault> {
    match settings::of(channel)? {
        ChannelSettings::Cloud(cloud) => Ok(cloud),
        ChannelSettings::Gateway(_) => {
            Err(Fault::new("forbidden", "a gateway's templates are made and removed at the provider that runs it"))
        }
    }
}

fn of_account(cloud: &Cloud) -> String {
    format!("{}/message_templates", cloud.business_account_id)
}

#[derive(Deserialize)]
struct Created {
    id: String,
    status: Option<String>,
    category: Option<String>,
}

fn create(cloud: &Cloud, wanted: &Value) -> Result<Value, Fault> {
    let handle = match wanted["header"]["example"].as_object() {
        Some(_) => Some(upload(&wanted["header"]["example"]).map_err(of_sample)?),
        None => None,
    };
    let mut body = json!({
        "name": wanted["name"],
        "language": wanted["language"],
        "category": wanted["category"].as_str().map(str::to_uppercase),
        "components": components(wanted, handle.as_deref()),
    });
    if is_named(wanted) {
        body["parameter_format"] = json!("named");
    }
    let created: Created = taken(&graph("POST", &of_account(cloud)).json(&body))?.json().map_err(Fault::unavailable)?;
    body["id"] = json!(created.id);
    body["status"] = json!(created.status.unwrap_or_else(|| "PENDING".to_owned()));
    // The provider may take it for another category than was asked for.
    if let Some(category) = created.category {
        body["category"] = json!(category);
    }
    Ok(described(&body))
}

fn is_named(wanted: &Value) -> bool {
    wanted["parameter_format"] == "named"
}

/// The provider's components. `handle` names the uploaded example of a header with a file.
fn components(wanted: &Value, handle: Option<&str>) -> Vec<Value> {
    let mut components = Vec::new();
    if let Some(kind) = wanted["header"]["kind"].as_str() {
        let mut header = json!({ "type": "HEADER", "format": kind.to_uppercase() });
        if let Some(text) = wanted["header"]["text"].as_str().filter(|_| kind == "text") {
            header["text"] = json!(text);
            examples(&mut header, text, &wanted["header"]["examples"], "header_text", is_named(wanted));
        }
        if let Some(handle) = handle {
            header["example"] = json!({ "header_handle": [handle] });
        }
        components.push(header);
    }
    let text = wanted["body"]["text"].as_str().unwrap_or_default();
    let mut body = json!({ "type": "BODY", "text": text });
    examples(&mut body, text, &wanted["body"]["examples"], "body_text", is_named(wanted));
    components.push(body);
    if let Some(footer) = wanted["footer"].as_str() {
        components.push(json!({ "type": "FOOTER", "text": footer }));
    }
    let buttons = wanted["buttons"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !buttons.is_empty() {
        components.push(json!({ "type": "BUTTONS", "buttons": buttons.iter().map(button).collect::<Vec<_>>() }));
    }
    components
}

/// Writes the examples of a text's blanks: named ones with their names, positional ones in order, the body's as a list of lists.
fn examples(component: &mut Value, text: &str, given: &Value, place: &str, named: bool) {
    let mut names = blanks(text);
    if names.is_empty() {
        return;
    }
    if named {
        let params: Vec<Value> =
            names.iter().map(|name| json!({ "param_name": name, "example": given[*name] })).collect();
        component["example"][format!("{place}_named_params")] = json!(params);
        return;
    }
    names.sort_by_key(|name| name.parse::<u32>().unwrap_or(u32::MAX));
    let values: Vec<&Value> = names.iter().map(|name| &given[*name]).collect();
    component["example"][place] = if place == "body_text" { json!([values]) } else { json!(values) };
}

fn button(button: &Value) -> Value {
    let mut made = match button["kind"].as_str().unwrap_or_default() {
        "url" => {
            let url = button["url"].as_str().unwrap_or_default();
            // An address counts its blank whatever the texts do.
            let counted = url.split_once("{{").map_or(url.to_owned(), |(start, _)| format!("{start}{{{{1}}}}"));
            let mut made = json!({ "type": "URL", "url": counted });
            if let Some(example) = button["example"].as_str().filter(|_| url.contains("{{")) {
                made["example"] = json!([example]);
            }
            made
        }
        "phone" => json!({ "type": "PHONE_NUMBER", "phone_number": button["phone"] }),
        // Its words are the provider's own.
        "copy-code" => return json!({ "type": "COPY_CODE", "example": button["example"] }),
        _ => json!({ "type": "QUICK_REPLY" }),
    };
    made["text"] = button["label"].clone();
    made
}

/// Uploads the file that shows what will stand in the header: a session for its size and type, then its bytes.
fn upload(file: &Value) -> Result<String, Fault> {
    let text = |name: &str| file[name].as_str().unwrap_or_default();
    let blob = file["blob"].as_str().unwrap_or(text("media_id"));
    let begin = graph("POST", &format!("{APP}/uploads"))
        .query("file_name", file["name"].as_str().unwrap_or("example"))
        .query("file_length", &file["bytes"].as_u64().unwrap_or_default().to_string())
        .query("file_type", text("mime"));
    let session = word(&ask(&begin)?, "id")?;
    let token = secrets::marker(ACCESS_TOKEN, "raw").map_err(|words| Fault::refused(ACCESS_TOKEN, words))?;
    let put = Request::post(format!("{GRAPH}/{session}"))
        .header("authorization", format!("{UPLOAD_SCHEME} {token}"))
        .header("file_offset", "0")
        .blob(blob);
    word(&ask(&put)?, "h")
}

/// What the provider thinks of the file is said at the file; what it says of the token or of its own state stays as it is.
fn of_sample(fault: Fault) -> Fault {
    if matches!(fault.kind.as_str(), "invalid" | "not-found") {
        return Fault { kind: "invalid".to_owned(), ..fault }.field("/header/example/media_id");
    }
    fault
}

/// Sends a request about templates; what the provider refuses is told at the part that it is about.
fn taken(request: &Request) -> Result<Response, Fault> {
    let response = request.send()?;
    if response.is_success() {
        return Ok(response);
    }
    let subcode = refusal(&response).subcode;
    let told = fault(&response);
    if EXISTS.contains(&subcode) {
        return Err(Fault { kind: "exists".to_owned(), ..told }.field("/name"));
    }
    if GONE.contains(&subcode) {
        return Err(Fault { kind: "not-found".to_owned(), ..told });
    }
    Err(match PARTS.iter().find(|(known, _)| *known == subcode) {
        Some((_, part)) => told.field(*part),
        None => told,
    })
}
