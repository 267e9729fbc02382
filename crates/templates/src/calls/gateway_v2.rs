//! `AWS::ApiGatewayV2::…`: the parts of HTTP and WebSocket APIs, and what is beside them. Their members have the
//! properties' names.

use super::{
    fields::{
        Field,
        Shape::{Assignments, Document, Flag, List, Named, Number, One, Plain, Tags, Text, Texts},
        field, same,
    },
    gateway::{
        Kind,
        Reference::{Answer, Member},
    },
};

const API: Field = same("ApiId", Text);
const DESCRIPTION: Field = same("Description", Text);
const NAME: Field = same("Name", Text);
const TAGS: Field = same("Tags", Tags);

const CERTIFICATE: &[Field] = &[
    same("CertificateArn", Text),
    same("CertificateName", Text),
    same("EndpointType", Text),
    same("IpAddressType", Text),
    same("OwnershipVerificationCertificateArn", Text),
    same("SecurityPolicy", Text),
];
const TRUST: &[Field] = &[same("TruststoreUri", Text), same("TruststoreVersion", Text)];
const TOKENS: &[Field] = &[same("Audience", Plain), same("Issuer", Text)];
const TLS: &[Field] = &[same("ServerNameToVerify", Text)];
const REQUIRED: &[Field] = &[same("Required", Flag)];
const LOG: &[Field] = &[same("DestinationArn", Text), same("Format", Text)];
const ROUTE_SETTINGS: &[Field] = &[
    same("DataTraceEnabled", Flag),
    same("DetailedMetricsEnabled", Flag),
    same("LoggingLevel", Text),
    same("ThrottlingBurstLimit", Number),
    same("ThrottlingRateLimit", Number),
];
pub(super) const STAGE: &[Field] = &[
    same("AccessLogSettings", One(LOG)),
    API,
    same("AutoDeploy", Flag),
    same("ClientCertificateId", Text),
    same("DefaultRouteSettings", One(ROUTE_SETTINGS)),
    same("DeploymentId", Text),
    DESCRIPTION,
    same("RouteSettings", Named(ROUTE_SETTINGS)),
    same("StageName", Text),
    same("StageVariables", Texts),
    TAGS,
];
const CORS: &[Field] = &[
    same("AllowCredentials", Flag),
    same("AllowHeaders", Plain),
    same("AllowMethods", Plain),
    same("AllowOrigins", Plain),
    same("ExposeHeaders", Plain),
    same("MaxAge", Number),
];
/// Of `AWS::ApiGatewayV2::Api`: what CreateApi and UpdateApi are told.
pub(super) const HTTP_API: &[Field] = &[
    same("ApiKeySelectionExpression", Text),
    same("CorsConfiguration", One(CORS)),
    same("CredentialsArn", Text),
    DESCRIPTION,
    same("DisableExecuteApiEndpoint", Flag),
    same("DisableSchemaValidation", Flag),
    same("IpAddressType", Text),
    same("RouteKey", Text),
    same("RouteSelectionExpression", Text),
    same("Target", Text),
    same("Version", Text),
];

const INVOKE: &[Field] = &[API, same("Stage", Text), same("StripBasePath", Flag)];
const ACTION: &[Field] = &[same("InvokeApi", One(INVOKE))];
const PATHS: &[Field] = &[same("AnyOf", Plain)];
const HEADER: &[Field] = &[same("Header", Text), same("ValueGlob", Text)];
const HEADERS: &[Field] = &[same("AnyOf", List(HEADER))];
const CONDITION: &[Field] = &[same("MatchBasePaths", One(PATHS)), same("MatchHeaders", One(HEADERS))];

/// A kind whose calls are of the second control plane.
const fn kind(
    kind: &'static str,
    operation: &'static str,
    reference: super::gateway::Reference,
    attributes: &'static [(&'static str, &'static str)],
    fields: &'static [Field],
) -> Kind {
    Kind { kind, service: "apigatewayv2", operation, fields, named: None, reference, attributes }
}

pub(super) const KINDS: &[Kind] = &[
    kind(
        "AWS::ApiGatewayV2::ApiMapping",
        "CreateApiMapping",
        Answer("/ApiMappingId"),
        &[("ApiMappingId", "/ApiMappingId")],
        &[API, same("ApiMappingKey", Text), same("DomainName", Text), same("Stage", Text)],
    ),
    kind(
        "AWS::ApiGatewayV2::Authorizer",
        "CreateAuthorizer",
        Answer("/AuthorizerId"),
        &[("AuthorizerId", "/AuthorizerId")],
        &[
            API,
            same("AuthorizerCredentialsArn", Text),
            same("AuthorizerPayloadFormatVersion", Text),
            same("AuthorizerResultTtlInSeconds", Number),
            same("AuthorizerType", Text),
            same("AuthorizerUri", Text),
            same("EnableSimpleResponses", Flag),
            same("IdentitySource", Plain),
            same("IdentityValidationExpression", Text),
            same("JwtConfiguration", One(TOKENS)),
            NAME,
        ],
    ),
    kind(
        "AWS::ApiGatewayV2::Deployment",
        "CreateDeployment",
        Answer("/DeploymentId"),
        &[("DeploymentId", "/DeploymentId")],
        &[API, DESCRIPTION, same("StageName", Text)],
    ),
    kind(
        "AWS::ApiGatewayV2::DomainName",
        "CreateDomainName",
        Answer("/DomainName"),
        &[
            ("DomainNameArn", "/DomainNameArn"),
            ("RegionalDomainName", "/DomainNameConfigurations/0/ApiGatewayDomainName"),
            ("RegionalHostedZoneId", "/DomainNameConfigurations/0/HostedZoneId"),
        ],
        &[
            same("DomainName", Text),
            same("DomainNameConfigurations", List(CERTIFICATE)),
            same("MutualTlsAuthentication", One(TRUST)),
            same("RoutingMode", Text),
            TAGS,
        ],
    ),
    kind(
        "AWS::ApiGatewayV2::Integration",
        "CreateIntegration",
        Answer("/IntegrationId"),
        &[("IntegrationId", "/IntegrationId")],
        &[
            API,
            same("ConnectionId", Text),
            same("ConnectionType", Text),
            same("ContentHandlingStrategy", Text),
            same("CredentialsArn", Text),
            DESCRIPTION,
            same("IntegrationMethod", Text),
            same("IntegrationSubtype", Text),
            same("IntegrationType", Text),
            same("IntegrationUri", Text),
            same("PassthroughBehavior", Text),
            same("PayloadFormatVersion", Text),
            same("RequestParameters", Texts),
            same("RequestTemplates", Texts),
            same("ResponseParameters", Assignments),
            same("TemplateSelectionExpression", Text),
            same("TimeoutInMillis", Number),
            same("TlsConfig", One(TLS)),
        ],
    ),
    kind(
        "AWS::ApiGatewayV2::IntegrationResponse",
        "CreateIntegrationResponse",
        Answer("/IntegrationResponseId"),
        &[("IntegrationResponseId", "/IntegrationResponseId")],
        &[
            API,
            same("ContentHandlingStrategy", Text),
            same("IntegrationId", Text),
            same("IntegrationResponseKey", Text),
            same("ResponseParameters", Texts),
            same("ResponseTemplates", Texts),
            same("TemplateSelectionExpression", Text),
        ],
    ),
    kind(
        "AWS::ApiGatewayV2::Model",
        "CreateModel",
        Answer("/ModelId"),
        &[("ModelId", "/ModelId")],
        &[API, same("ContentType", Text), DESCRIPTION, NAME, same("Schema", Document)],
    ),
    kind(
        "AWS::ApiGatewayV2::Route",
        "CreateRoute",
        Answer("/RouteId"),
        &[("RouteId", "/RouteId")],
        &[
            API,
            same("ApiKeyRequired", Flag),
            same("AuthorizationScopes", Plain),
            same("AuthorizationType", Text),
            same("AuthorizerId", Text),
            same("ModelSelectionExpression", Text),
            same("OperationName", Text),
            same("RequestModels", Texts),
            same("RequestParameters", Named(REQUIRED)),
            same("RouteKey", Text),
            same("RouteResponseSelectionExpression", Text),
            same("Target", Text),
        ],
    ),
    kind(
        "AWS::ApiGatewayV2::RouteResponse",
        "CreateRouteResponse",
        Answer("/RouteResponseId"),
        &[("RouteResponseId", "/RouteResponseId")],
        &[
            API,
            same("ModelSelectionExpression", Text),
            same("ResponseModels", Texts),
            same("ResponseParameters", Named(REQUIRED)),
            same("RouteId", Text),
            same("RouteResponseKey", Text),
        ],
    ),
    kind(
        "AWS::ApiGatewayV2::RoutingRule",
        "CreateRoutingRule",
        Answer("/RoutingRuleArn"),
        &[("RoutingRuleArn", "/RoutingRuleArn"), ("RoutingRuleId", "/RoutingRuleId")],
        &[
            same("Actions", List(ACTION)),
            same("Conditions", List(CONDITION)),
            field("DomainNameArn", "DomainName", Text),
            same("Priority", Number),
        ],
    ),
    kind("AWS::ApiGatewayV2::Stage", "CreateStage", Member("StageName"), &[], STAGE),
    kind(
        "AWS::ApiGatewayV2::VpcLink",
        "CreateVpcLink",
        Answer("/VpcLinkId"),
        &[("VpcLinkId", "/VpcLinkId")],
        &[NAME, same("SecurityGroupIds", Plain), same("SubnetIds", Plain), TAGS],
    ),
];
