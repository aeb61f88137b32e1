// Shows the API's document with Swagger UI, which django-ninja ships. Kept apart so that no script stands in the page.
"use strict";

SwaggerUIBundle({
  url: document.getElementById("document").dataset.openapi,
  dom_id: "#document",
  deepLinking: true,
  docExpansion: "none",
  validatorUrl: null, // the document is sent to nobody
  presets: [SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
});
