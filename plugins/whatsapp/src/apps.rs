//! A Meta app: registering its webhook address, which every number of its accounts shares.

use crate::WhatsApp;
use sambung_meta::apps::{self, Webhooks};
use sambung_sdk::apps::{App, Apps, Prepared};
use sambung_sdk::types::{Fault, Finding};

/// What Meta tells: messages with their statuses, and what changes about accounts, numbers and templates.
const WEBHOOKS: Webhooks = Webhooks {
    object: "whatsapp_business_account",
    fields: "messages,smb_message_echoes,message_template_status_update,message_template_quality_update,\
template_category_update,account_update,account_review_update,phone_number_quality_update,phone_number_name_update,\
user_preferences,security",
};

impl Apps for WhatsApp {
    fn prepare(app: App) -> Result<Prepared, Vec<Fault>> {
        apps::prepare(&WEBHOOKS, &app)
    }

    fn check(app: App) -> Result<Vec<Finding>, Fault> {
        apps::check(&WEBHOOKS, &app)
    }

    fn release(app: App) -> Result<(), Fault> {
        apps::release(&WEBHOOKS, &app)
    }
}
