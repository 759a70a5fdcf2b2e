// Starts Swagger UI on the document that the page names, and shows another service as soon as it is chosen.
"use strict";

const place = document.getElementById("api");
SwaggerUIBundle({
  domNode: place,
  url: new URL(place.dataset.document, location).href,
  presets: [SwaggerUIBundle.presets.apis],
  validatorUrl: null, // or the document would be sent to a server on the internet
  deepLinking: true,
  tryItOutEnabled: true,
  displayRequestDuration: true,
  docExpansion: "list",
  defaultModelsExpandDepth: -1, // each operation shows its own shapes
  requestInterceptor(request) {
    // Without cookies, a request is what the page shows of it, and a 401 is an answer to read.
    if (!request.loadSpec) {
      request.credentials = "omit";
    }
    return request;
  },
});

const service = document.getElementById("service");
service.addEventListener("change", () => service.form.requestSubmit());
