package awssdk

import (
	"context"
	"errors"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/botorate/botorate"
	"github.com/botorate/botorate/quota"
)

// A step is one call's step in its middleware stack: what options said of it, and what its attempts have been through.
// A call's attempts come one after the other.
type step struct {
	pacer   *pacer
	client  *client // nil if its service module is too old to be bound
	tenant  string
	class   botorate.Class
	account string // said by an option
	observe func(context.Context, Event)

	before     middleware.FinalizeMiddleware // the step that it stands in front of; nil if it stands alone
	operation  string
	serializer middleware.SerializeMiddleware // what inputStep stands before
	input      any                            // nil unless a quota may depend on it

	event  Event     // of the attempt under way: here, so that it takes no memory of its own
	since  time.Time // when the first attempt asked to leave; zero before
	waited time.Duration
}

// waitedKey is the key in a result's metadata of the call's step.
type waitedKey struct{}

// ID implements [middleware.FinalizeMiddleware].
func (s *step) ID() string {
	if s.before != nil {
		return s.before.ID()
	}
	return stepID
}

const (
	// stepID names the step where it stands alone.
	stepID = "botorate"
	// authID names the first step of an attempt that every service module has had since November 2023.
	authID = "ResolveAuthScheme"
)

// stepOf returns a stack's step, or nil.
func stepOf(stack *middleware.Stack) *step {
	if m, ok := stack.Finalize.Get(authID); ok {
		s, _ := m.(*step)
		return s
	}
	m, _ := stack.Finalize.Get(stepID)
	s, _ := m.(*step)
	return s
}

// installed returns a stack's step, which it puts in if it isn't there: in front of the attempt's first step and under its name, which
// saves an allocation; where that is missing, after Retry. It is nil for a call that makes no attempt, as in presigning.
func installed(stack *middleware.Stack) *step {
	if s := stepOf(stack); s != nil {
		return s
	}
	if _, ok := stack.Finalize.Get("Retry"); !ok {
		return nil
	}
	s := &step{operation: stack.ID()}
	if m, err := stack.Finalize.Swap(authID, s); err == nil {
		s.before = m
	} else if err := stack.Finalize.Insert(s, "Retry", middleware.After); err != nil {
		return nil // can't be: it is there
	}
	if wantsInput(s.operation) {
		if m, err := stack.Serialize.Swap(serializerID, (*inputStep)(s)); err == nil {
			s.serializer = m
		}
	}
	return s
}

// HandleFinalize holds the attempt until it may leave, sends it on and reports what became of it.
func (s *step) HandleFinalize(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (
	out middleware.FinalizeOutput, metadata middleware.Metadata, err error,
) {
	id := awsmiddleware.GetServiceID(ctx)
	if id == "" { // no AWS API, such as the instance metadata service
		return s.proceed(ctx, in, next)
	}
	e := &s.event
	*e = Event{Attempt: e.Attempt + 1}
	s.describe(ctx, id, in, &e.Call)
	e.Draws = s.pacer.drawer.Draws(e.Call)
	pass, err := s.wait(ctx, e.Draws)
	if err == nil {
		e.Left, e.Waited = true, pass.Waited
		out, metadata, err = s.proceed(ctx, in, next)
		e.Outcome = s.settle(pass, e.Call.Service, metadata, err)
		if s.waited > 0 {
			metadata.Set(waitedKey{}, s)
		}
	}
	if s.observe != nil {
		e.Err = err
		s.observe(ctx, *e)
	}
	return out, metadata, err
}

// proceed goes on with what comes after this step.
func (s *step) proceed(ctx context.Context, in middleware.FinalizeInput, next middleware.FinalizeHandler) (
	middleware.FinalizeOutput, middleware.Metadata, error,
) {
	if s.before != nil {
		return s.before.HandleFinalize(ctx, in, next)
	}
	return next.HandleFinalize(ctx, in)
}

// wait returns when an attempt may leave.
func (s *step) wait(ctx context.Context, draws []botorate.Draw) (botorate.Pass, error) {
	a := botorate.Attempt{Draws: draws, Tenant: s.tenant, Class: s.class, Since: s.since}
	if said, ok := ctx.Value(saidKey{}).(*said); ok {
		if said.tenantOK {
			a.Tenant = said.tenant
		}
		if said.classOK {
			a.Class = said.class
		}
	}
	if deadline, ok := ctx.Deadline(); ok {
		a.Deadline = deadline
	}
	pass, err := s.pacer.governor.Wait(ctx, a)
	if err != nil {
		return pass, notLeft(ctx, err)
	}
	if s.since.IsZero() {
		s.since = pass.Left.Add(-pass.Waited)
	}
	s.waited += pass.Waited
	return pass, nil
}

// settle tells the governor what became of an attempt that was let out.
func (s *step) settle(pass botorate.Pass, service string, metadata middleware.Metadata, err error) botorate.Outcome {
	var o botorate.Outcome
	if err != nil {
		var sent bool
		if o, sent = judge(service, metadata, err); !sent {
			s.pacer.governor.Return(pass)
			return o
		}
	}
	s.pacer.governor.Report(pass, o)
	return o
}

// describe says what an attempt asks for. An interval doesn't need to know.
func (s *step) describe(ctx context.Context, id string, in middleware.FinalizeInput, c *quota.Call) {
	c.Service, c.API = service(id)
	c.Operation, c.Account = s.operation, s.account
	c.Region = awsmiddleware.GetRegion(ctx)
	if s.pacer.constant {
		return
	}
	if r, ok := in.Request.(*smithyhttp.Request); ok {
		c.Method = r.Method
	}
	if s.input != nil {
		s.pacer.inputs.read(c, s.input)
	}
	if c.Account != "" {
		return
	}
	client := s.client
	if client == nil {
		client = s.pacer.fallback
	}
	c.Account = anonymous
	if client != nil && !unsigned(c.Service, c.Operation) {
		c.Account = client.account(ctx)
	}
}

// notLeft returns what the SDK gets to see when an attempt was not let out: for a context that ended the SDK's own error.
func notLeft(ctx context.Context, err error) error {
	if cause := ctx.Err(); cause != nil && errors.Is(err, cause) {
		return &aws.RequestCanceledError{Err: err}
	}
	return &notLeftError{err}
}

// A notLeftError tells that the governor did not let an attempt out.
type notLeftError struct{ err error }

func (e *notLeftError) Error() string { return "not sent: " + e.err.Error() }
func (e *notLeftError) Unwrap() error { return e.err }

// RetryableError tells the SDK's retryers not to try again: the next attempt would be later still.
func (e *notLeftError) RetryableError() bool { return false }
