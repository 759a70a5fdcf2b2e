// Starts Swagger UI on the document beside the page.
"use strict";

const ui = SwaggerUIBundle({
  dom_id: "#api",
  // Beside the folder of this script, wherever that is: the page works below any prefix, and at docs/ as at docs.
  url: new URL("../openapi.json", document.currentScript.src).href,
  presets: [SwaggerUIBundle.presets.apis],
  validatorUrl: null, // or the document would be sent to a server on the internet
  deepLinking: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  defaultModelsExpandDepth: -1, // each operation shows its own shapes
  requestInterceptor(request) {
    // Without cookies and the like, a request is what the page shows of it, and a 401 is an answer to read:
    // with them, the browser would ask for a password of its own and keep it.
    if (!request.loadSpec) {
      request.credentials = "omit";
    }
    return request;
  },
  onComplete() {
    document.title = ui.specSelectors.info().get("title");
  },
});
